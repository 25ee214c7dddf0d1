/** Reading and printing integers in place, against the plain ways. Run: npx tsx bench/micro/integers.ts */
import { bench, do_not_optimize, group, run } from 'mitata'
import { type Block, blockOf, newBlock } from '../../src/structures/block.ts'
import { integerLength, parseInteger, writeInteger } from '../../src/structures/integers.ts'

/** One loop over every digit in a double, to show what the int32 start is worth. */
function parseInOneLoop(block: Block, offset: number, length: number): number {
  const view = block.view
  const negative = view.getUint8(offset) === 45
  let value = 0
  for (let at = negative ? offset + 1 : offset; at < offset + length; at++) {
    const digit = view.getUint8(at) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  if (value > Number.MAX_SAFE_INTEGER) return Number.NaN
  return negative ? -value : value
}

/** One digit a division, to show what the table of pairs is worth. */
function writeDigitByDigit(block: Block, offset: number, n: number): number {
  const end = offset + integerLength(n)
  let rest = n
  for (let at = end - 1; at >= offset; at--) {
    const next = Math.floor(rest / 10)
    block.view.setUint8(at, 48 + rest - next * 10)
    rest = next
  }
  return end - offset
}

/** As many numbers of mixed value as it takes that no branch is learnt by heart. */
const COUNT = 1024

function samples(digits: number): number[] {
  return Array.from({ length: COUNT }, (_, i) =>
    Math.floor(10 ** (digits - 1) * (1 + 8.99 * ((i * 0.618) % 1))),
  )
}

const target = newBlock(32)
for (const digits of [1, 5, 9, 12, 16]) {
  const numbers = samples(digits).map((n) => Math.min(n, Number.MAX_SAFE_INTEGER))
  const text = blockOf(numbers.map((n) => String(n).padStart(16, ' ')).join(''))
  const skipped = 16 - digits

  group(`${digits} digits, ${COUNT} numbers`, () => {
    bench('parseInteger', () => {
      let sum = 0
      for (let i = 0; i < COUNT; i++) sum += parseInteger(text, i * 16 + skipped, digits)
      do_not_optimize(sum)
    })
    bench('read in one loop', () => {
      let sum = 0
      for (let i = 0; i < COUNT; i++) sum += parseInOneLoop(text, i * 16 + skipped, digits)
      do_not_optimize(sum)
    })
    bench('Number(latin1 text)', () => {
      let sum = 0
      for (let i = 0; i < COUNT; i++) {
        sum += Number(text.bytes.toString('latin1', i * 16 + skipped, i * 16 + 16))
      }
      do_not_optimize(sum)
    })
    bench('writeInteger', () => {
      let sum = 0
      for (let i = 0; i < COUNT; i++) sum += writeInteger(target, 0, numbers[i])
      do_not_optimize(sum)
    })
    bench('write digit by digit', () => {
      let sum = 0
      for (let i = 0; i < COUNT; i++) sum += writeDigitByDigit(target, 0, numbers[i])
      do_not_optimize(sum)
    })
    bench('write String(n)', () => {
      let sum = 0
      for (let i = 0; i < COUNT; i++) sum += target.bytes.write(String(numbers[i]), 0, 'latin1')
      do_not_optimize(sum)
    })
  })
}

await run()
