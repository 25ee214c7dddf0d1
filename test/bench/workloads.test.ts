/** Which work the bench runs: the product of what varies for each command, and what redis-benchmark is told. */
import { describe, expect, it } from 'vitest'
import {
  benchmarkArguments,
  COMMANDS,
  goalOf,
  sameDataset,
  type Workload,
  workloads,
} from '../../bench/workloads.ts'

const ALL = {
  only: COMMANDS,
  depths: [1, 16, 64],
  keys: [100_000, 1_000_000],
  sizes: [32, 1024],
  requests: undefined,
  quick: false,
}

/** How often runs of GET in order meet another dataset than the run before. */
function loads(choice: Partial<typeof ALL>): number {
  const rows = workloads({ ...ALL, only: ['get'], ...choice })
  return rows.filter((row, i) => i === 0 || !sameDataset(row, rows[i - 1])).length
}

function work(command: Workload['command'], depth: number): Workload {
  return { command, depth, keys: 0, valueBytes: 32, requests: 1000 }
}

describe('workloads', () => {
  it('varies keys and sizes only where the command has them', () => {
    const rows = workloads(ALL)
    const count = (command: string) => rows.filter((row) => row.command === command).length
    expect(COMMANDS.map((command) => [command, count(command)])).toEqual([
      ['set', 12],
      ['get', 12],
      ['incr', 6],
      ['lpush', 6],
      ['lpop', 6],
      ['lrange_100', 6],
      ['mset', 12],
    ])
  })

  it('keeps runs on one dataset together', () => {
    expect(loads({})).toBe(4)
    expect(loads({ sizes: [32] })).toBe(2)
    expect(loads({ keys: [100_000] })).toBe(2)
  })

  it('asks for the requests it is told, and for fewer with quick', () => {
    expect(workloads({ ...ALL, requests: 123 }).every((row) => row.requests === 123)).toBe(true)
    const [full, quick] = [workloads(ALL), workloads({ ...ALL, quick: true })]
    expect(full.every((row, i) => quick[i].requests < row.requests && quick[i].requests > 1000)).toBe(true)
  })
})

describe('benchmarkArguments', () => {
  it('names keys, size and depth', () => {
    const row: Workload = { command: 'set', depth: 16, keys: 100_000, valueBytes: 1024, requests: 1 }
    expect(benchmarkArguments(row, 500).join(' ')).toBe('-c 50 -n 500 -P 16 -r 100000 -d 1024 -t set')
  })

  it('gives LRANGE as a command, because its own test would push a list first', () => {
    expect(benchmarkArguments(work('lrange_100', 1), 9).slice(-4)).toEqual(['LRANGE', 'mylist', '0', '99'])
  })
})

it('goalOf promises what the project promises and nothing else', () => {
  const promised = COMMANDS.flatMap((command) => [1, 16, 64].map((depth) => [command, depth] as const))
    .map(([command, depth]) => [command, depth, goalOf(work(command, depth))] as const)
    .filter(([, depth, goal]) => depth > 1 && goal !== undefined)
  expect(promised).toEqual([
    ['set', 16, 1.4],
    ['set', 64, 2],
    ['get', 16, 1.4],
    ['get', 64, 2],
    ['lrange_100', 16, 1],
  ])
  expect(COMMANDS.every((command) => goalOf(work(command, 1)) === 0.97)).toBe(true)
})
