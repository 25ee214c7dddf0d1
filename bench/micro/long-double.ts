/** INCRBYFLOAT's arithmetic, step by step. Run: npx tsx bench/micro/long-double.ts */
import { bench, do_not_optimize, group, run } from 'mitata'
import { blockOf } from '../../src/structures/block.ts'
import { bitLength } from '../../src/structures/float-text.ts'
import {
  addLongDouble,
  formatLongDouble,
  LONG_DOUBLE_ZERO,
  parseLongDouble,
} from '../../src/structures/long-double.ts'

/** What bitLength() does where the nearest double does not tell. */
function bitLengthByHex(value: bigint): number {
  const hex = value.toString(16)
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0], 16)) + 28
}

for (const text of ['0.1', '1234567.25', '40000.10000000000013642']) {
  const plain = blockOf(text)
  // An exponent has it read the long way.
  const scientific = blockOf(`${text}e0`)
  const value = parseLongDouble(plain, 0, plain.bytes.length) ?? LONG_DOUBLE_ZERO

  group(text, () => {
    bench('parse', () => do_not_optimize(parseLongDouble(plain, 0, plain.bytes.length)))
    bench('parse with e0', () => do_not_optimize(parseLongDouble(scientific, 0, scientific.bytes.length)))
    bench('add', () => do_not_optimize(addLongDouble(value, value)))
    bench('format', () => do_not_optimize(formatLongDouble(value)))
    bench('bitLength', () => do_not_optimize(bitLength(value.mantissa)))
    bench('bit length by hex digits', () => do_not_optimize(bitLengthByHex(value.mantissa)))
  })
}

await run()
