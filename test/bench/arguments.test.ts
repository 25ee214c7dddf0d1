/** The bench's command line: defaults, short lists, refusals, and what is shown of it later. */
import { describe, expect, it } from 'vitest'
import { parseArguments, repeatableCommand } from '../../bench/arguments.ts'

describe('parseArguments', () => {
  it('runs everything and keeps the results by default', () => {
    expect(parseArguments([])).toEqual({
      quick: false,
      sections: ['throughput', 'memory', 'load'],
      only: ['set', 'get', 'incr', 'lpush', 'lpop', 'lrange_100', 'mset'],
      depths: [1, 16, 64],
      keys: [100_000, 1_000_000],
      sizes: [32, 1024],
      alternations: 5,
      requests: undefined,
      loadKeys: 10_000_000,
      memoryItems: 1_000_000,
      memoryRuns: 3,
      subject: 'dist/cli.js',
      against: 'redis-server',
      save: true,
      report: false,
      reportFrom: undefined,
      parts: ['depth', 'size', 'commands', 'latency', 'memory', 'save'],
      out: 'bench/results',
    })
  })

  it('takes lists with commas, and lrange for lrange_100', () => {
    const options = parseArguments(['--only', 'set,LRANGE', '--depth', '16,64', '--alternations', '7'])
    expect(options).toMatchObject({ only: ['set', 'lrange_100'], depths: [16, 64], alternations: 7 })
  })

  it('keeps the results of a run with options only when asked', () => {
    for (const words of [
      ['--quick'],
      ['--only', 'set'],
      ['--against', 'valkey-server'],
      ['--requests', '10'],
    ]) {
      expect(parseArguments(words)?.save, words.join(' ')).toBe(false)
      expect(parseArguments([...words, '--save'])?.save).toBe(true)
    }
  })

  it('is smaller with --quick, but not where it was told otherwise', () => {
    expect(parseArguments(['--quick'])).toMatchObject({ alternations: 3, keys: [100_000], sizes: [32] })
    expect(parseArguments(['--quick', '--keys', '5', '--alternations', '9'])).toMatchObject({
      alternations: 9,
      keys: [5],
    })
  })

  it.each([
    [['--only', 'set,hset'], "--only: 'hset' is not one of"],
    [['--section', 'cpu'], "--section: 'cpu'"],
    [['--report', '--parts', 'load'], "--parts: 'load'"],
    [['--depth', '0'], "--depth: '0' is not a positive integer"],
    [['--alternations', '2.5'], 'not a positive integer'],
    [['--keys', ''], 'not a positive integer'],
    [['--fast'], '--fast'],
    [['set'], 'set'],
  ])('refuses %j', (words, text) => {
    expect(() => parseArguments(words)).toThrow(text)
  })

  it('gives no options for --help', () => {
    expect(parseArguments(['--help'])).toBeUndefined()
  })
})

it('repeatableCommand leaves out the directories of the machine', () => {
  expect(repeatableCommand([])).toBe('npm run bench')
  expect(
    repeatableCommand(['--quick', '--against', '/opt/a/valkey-server', '--subject=/home/me/cli.js']),
  ).toBe('npm run bench -- --quick --against valkey-server --subject=cli.js')
})
