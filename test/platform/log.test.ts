/** Tests of the log: Redis's line format, levels, and files that come and go. */
import { mkdtempSync, readFileSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatLogLine, LineLog, type LogLevel, openLog, silentLog } from '../../src/platform/log.ts'

const all = (log: LineLog): void => {
  log.debug('a')
  log.verbose('b')
  log.notice('c')
  log.warning('d')
}

describe('log lines', () => {
  test('have the form of Redis', () => {
    const when = new Date(2024, 0, 5, 3, 4, 9, 7)
    const line = { pid: 12, role: 'M', when, rank: 2, message: 'Server initialized' } as const
    expect(formatLogLine(line, 'legacy', 'legacy')).toBe(
      '12:M 05 Jan 2024 03:04:09.007 * Server initialized\n',
    )
    expect(formatLogLine(line, 'legacy', 'milliseconds')).toBe(
      `12:M ${when.getTime()} * Server initialized\n`,
    )
  })

  test('as logfmt and as JSON', () => {
    const when = new Date(Date.UTC(2024, 0, 5, 3, 4, 9, 7))
    const line = { pid: 12, role: 'C', when, rank: 1, message: 'a "b" \\ \x01' } as const
    expect(formatLogLine(line, 'logfmt', 'iso8601')).toBe(
      'pid=12 role=RDB/AOF timestamp="2024-01-05T03:04:09.007Z" level=info message="a \\"b\\" \\\\ \\u0001"\n',
    )
    const json = formatLogLine(line, 'json', 'legacy')
    expect(json).toBe(
      '{"timestamp":"2024-01-05T03:04:09.007Z","level":"info","pid":12,"role":"RDB/AOF","message":"a \\"b\\" \\\\ \\u0001"}\n',
    )
    expect(JSON.parse(formatLogLine(line, 'json', 'milliseconds'))).toEqual({
      timestamp: when.getTime(),
      level: 'info',
      pid: 12,
      role: 'RDB/AOF',
      message: line.message,
    })
  })

  test.each([
    ['debug', '.-*#'],
    ['verbose', '-*#'],
    ['notice', '*#'],
    ['warning', '#'],
    ['nothing', ''],
  ] as const)('level %s lets %j through', (level, marks) => {
    const lines: string[] = []
    all(new LineLog(level, (line) => lines.push(line)))
    expect(lines.map((line) => line.split(' ')[5]).join('')).toBe(marks)
    for (const line of lines) {
      expect(line).toMatch(/^\d+:M \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.*#-] [abcd]\n$/)
    }
  })

  test('level and role can change while it runs', () => {
    const lines: string[] = []
    const log = new LineLog('warning', (line) => lines.push(line))
    log.notice('unseen')
    log.level = 'notice' satisfies LogLevel
    log.role = 'S'
    log.notice('seen')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`${process.pid}:S `)
  })

  test('text from outside cannot add lines', () => {
    const lines: string[] = []
    new LineLog('debug', (line) => lines.push(line)).notice('a\r\n1:M 01 Jan 2024 # b\n')
    expect(lines.join('').split('\n')).toHaveLength(2)
  })
})

describe('openLog', () => {
  test('appends, and starts anew when the file was moved away', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'respite-log-')), 'x.log')
    const log = openLog('notice', path)
    log.notice('one')
    log.notice('two')
    renameSync(path, `${path}.1`)
    log.notice('three')
    expect(readFileSync(`${path}.1`, 'utf8').trimEnd().split('\n')).toHaveLength(2)
    expect(readFileSync(path, 'utf8')).toMatch(/ \* three\n$/)
  })

  test('a file that cannot be written does no harm', () => {
    expect(() => openLog('debug', '/no/such/dir/x.log').warning('x')).not.toThrow()
  })

  test('a silent log takes everything', () => {
    expect(() => silentLog().warning('x')).not.toThrow()
  })
})
