/** Reading redis-benchmark's CSV as its several versions write it. */
import { expect, it } from 'vitest'
import { parseCsv } from '../../bench/redis-benchmark.ts'

const HEAD = '"test","rps","avg_latency_ms","min_latency_ms"'

it('reads the rps column under a heading', () => {
  expect(parseCsv(`${HEAD}\n"SET","689655.19","0.855","0.264"\n`)).toBe(689655.19)
  expect(parseCsv('"test","avg_latency_ms","rps"\r\n"GET","0.8","1000.50"\r\n')).toBe(1000.5)
})

it('reads the older form without a heading', () => {
  expect(parseCsv('"GET","1000.00"\n')).toBe(1000)
})

it('takes a name with brackets and commas, and the last row of several', () => {
  expect(parseCsv(`${HEAD}\n"LPUSH (needed, to load)","5.0"\n"MSET (10 keys)","7.5"\n`)).toBe(7.5)
})

it('does not take progress or an error for a result', () => {
  expect(parseCsv(`${HEAD}Error from server: ERR unknown command 'FOO'\n`)).toBeUndefined()
  expect(parseCsv(`SET: rps=0.0 (overall: 0.0)\r\n${HEAD}\n"SET","0.00"\n`)).toBeUndefined()
  expect(parseCsv('')).toBeUndefined()
})
