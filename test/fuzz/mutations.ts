/** Files with mistakes in them: bytes changed, cut, doubled, moved. From a seed. */
import type { Random } from '../../src/platform/random.ts'

/** Bytes that mean much to file formats: ends, lengths, type numbers. */
const TELLING = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xfb, 0xfc, 0xfe, 0xff]
/** Longest stretch that is cut, doubled or moved. */
const STRETCH_MAX = 64

/** A copy of `bytes` with one to four mistakes. */
export function mutate(bytes: Uint8Array, random: Random): Buffer {
  let mutated: Buffer = Buffer.from(bytes)
  for (let left = 1 + random.below(4); left > 0; left--) mutated = once(mutated, random)
  return mutated
}

function once(bytes: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return Buffer.from([random.below(256)])
  const at = random.below(bytes.length)
  const size = 1 + random.below(Math.min(STRETCH_MAX, bytes.length - at))
  const stretch = bytes.subarray(at, at + size)
  switch (random.below(8)) {
    case 0:
      bytes[at] ^= 1 << random.below(8)
      return bytes
    case 1:
      bytes[at] = random.below(256)
      return bytes
    case 2:
      bytes[at] = TELLING[random.below(TELLING.length)]
      return bytes
    case 3:
      return bytes.subarray(0, at)
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)])
    case 5:
      return Buffer.concat([bytes.subarray(0, at), stretch, bytes.subarray(at)])
    case 6: {
      const noise = Uint8Array.from(stretch, () => random.below(256))
      return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)])
    }
    default: {
      const to = random.below(bytes.length)
      bytes.copy(bytes, to, at, Math.min(at + size, bytes.length))
      return bytes
    }
  }
}
