/** Tests of redis-server's argument syntax: directives of several values, files, standard input, refusals. */
import { describe, expect, test } from 'vitest'
import { parseCommandLine } from '../../src/config/command-line.ts'
import { ConfigError } from '../../src/config/config-error.ts'

const directives = (...argv: string[]): (readonly string[])[] =>
  parseCommandLine(argv).directives.map(({ words }) => words)

function refusal(...argv: string[]): [string, string | undefined] {
  try {
    parseCommandLine(argv)
  } catch (error) {
    if (error instanceof ConfigError) return [error.message, error.place?.text]
    throw error
  }
  throw new Error('it was accepted')
}

describe('parseCommandLine', () => {
  test('nothing at all runs with the defaults', () => {
    expect(parseCommandLine([])).toEqual({
      action: 'run',
      configFile: null,
      standardInput: false,
      directives: [],
    })
  })

  test.each([
    [['-v'], 'version'],
    [['--version'], 'version'],
    [['-h'], 'help'],
    [['--help'], 'help'],
    [['--check-config'], 'check-config'],
    [['x.conf', '--port', '1', '--check-config'], 'check-config'],
    [['--check-config', 'x.conf'], 'check-config'],
  ])('%j', (argv, action) => {
    expect(parseCommandLine(argv).action).toBe(action)
  })

  test('a file comes first, standard input first or last', () => {
    expect(parseCommandLine(['x.conf', '--port', '1'])).toMatchObject({
      configFile: 'x.conf',
      standardInput: false,
    })
    expect(parseCommandLine(['--check-config', 'x.conf']).configFile).toBe('x.conf')
    expect(parseCommandLine(['-'])).toMatchObject({ configFile: null, standardInput: true })
    expect(parseCommandLine(['-', '--port', '1'])).toMatchObject({ standardInput: true })
    const both = parseCommandLine(['x.conf', '--loglevel', 'verbose', '-'])
    expect(both).toMatchObject({ configFile: 'x.conf', standardInput: true })
    expect(both.directives[0].words).toEqual(['loglevel', 'verbose'])
  })

  test.each([
    [['--port', '7000'], [['port', '7000']]],
    [
      ['--port', '7000', '--bind', '127.0.0.1', '-::1', '--hz', '5'],
      [
        ['port', '7000'],
        ['bind', '127.0.0.1', '-::1'],
        ['hz', '5'],
      ],
    ],
    [['--save', ''], [['save', '']]],
    [['--save'], [['save', '']]],
    [
      ['--save', '--port', '1'],
      [
        ['save', ''],
        ['port', '1'],
      ],
    ],
    [
      ['--save', '900', '1', '--save', '300', '10'],
      [
        ['save', '900', '1'],
        ['save', '300', '10'],
      ],
    ],
    [['--port 7000'], [['port', '7000']]],
    [
      ['--port 7000', '--hz', '5'],
      [
        ['port', '7000'],
        ['hz', '5'],
      ],
    ],
    [
      ['--requirepass', '--x', '--hz', '5'],
      [
        ['requirepass', '--x'],
        ['hz', '5'],
      ],
    ],
    [['--port', '--hz', '5'], [['port', '--hz', '5']]],
    [['--requirepass', 'a "b'], [['requirepass', 'a "b']]],
    [['--hz'], [['hz']]],
  ])('%j', (argv, expected) => {
    expect(directives(...argv)).toEqual(expected)
  })

  test.each([
    [['--port=5'], "Bad directive or wrong number of arguments (write '--port <value>')", '--port=5'],
    [
      ['--requirepass=secret'],
      "Bad directive or wrong number of arguments (write '--requirepass <value>')",
      '--requirepass …',
    ],
    [['--requirepass "secret'], 'Unbalanced quotes in configuration line', '"--requirepass …'],
    [['-x'], 'Bad directive or wrong number of arguments', '-x'],
    [['--'], 'Bad directive or wrong number of arguments', '--'],
    [['x.conf', 'y.conf'], 'Bad directive or wrong number of arguments', 'y.conf'],
    [['--bind "1'], 'Unbalanced quotes in configuration line', '"--bind \\"1"'],
    [['--sentinel'], '--sentinel is not supported', '--sentinel'],
    [['--test-memory', '5'], '--test-memory is not supported', '--test-memory 5'],
  ])('refuses %j', (argv, reason, text) => {
    expect(refusal(...argv)).toEqual([reason, text])
  })
})
