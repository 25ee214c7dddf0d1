/** Compares the glob matcher with redis-server's KEYS on random patterns over the characters that matter. */
import { describe, expect, test } from 'vitest'
import { globMatches } from '../../src/structures/glob.ts'
import { oracle, startOracle } from './oracle.ts'
import { RawClient } from './raw-client.ts'

const PATTERNS = 2500
const TEXTS = 250

/** A small generator of its own, so that a failure is repeated by its seed. */
function chance(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

function bulks(frame: Buffer): string[] {
  const lines = frame.toString('latin1').split('\r\n')
  return lines.slice(1, -1).filter((_, index) => index % 2 === 1)
}

describe.skipIf(oracle === null)('compat: glob', () => {
  test(`${PATTERNS} random patterns over ${TEXTS} keys`, async () => {
    const server = await startOracle()
    try {
      const client = await RawClient.open(server.port)
      const below = chance(20_240_501)
      const word = (alphabet: string, max: number): string =>
        Array.from({ length: below(max + 1) }, () => alphabet[below(alphabet.length)]).join('')
      const texts = new Set(Array.from({ length: TEXTS }, () => word('abcB-^\\]\xe9', 6)))
      for (const text of texts) await client.call('SET', text, 'x')
      for (let count = 0; count < PATTERNS; count++) {
        const pattern = word('abcABC**?[[]^-\\\xe9', 8)
        // KEYS takes a lone star for "all" without asking the matcher.
        if (pattern === '*') continue
        const found = bulks(await client.call('KEYS', pattern)).sort()
        const bytes = Buffer.from(pattern, 'latin1')
        const ours = [...texts].filter((text) =>
          globMatches(bytes, 0, bytes.length, Buffer.from(text, 'latin1'), 0, text.length, false),
        )
        expect({ pattern, found: ours.sort() }).toEqual({ pattern, found })
      }
    } finally {
      await server.stop()
    }
  })
})
