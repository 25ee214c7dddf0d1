/** Comparing passwords without telling by the time it takes how much of a guess was right. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether `given` is `expected`. Digests are compared, so that lengths do not matter either. */
export function samePassword(given: Uint8Array, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(Buffer.from(expected)))
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
