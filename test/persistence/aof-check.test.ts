/** check-aof: exit codes, what it prints of good files and bad ones, and what it cuts. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { checkAof } from '../../src/persistence/aof-check.ts'
import { session } from '../commands/session.ts'
import { aof, temporaryDirectory } from './aof-files.ts'

const directory = join(temporaryDirectory(), 'files')
beforeEach(() => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
})

const good = aof('SET a 1', 'MULTI', 'SET b 2', 'EXEC')
const short = Buffer.concat([good, aof('SET c 3').subarray(0, -3)])

async function check(
  name: string,
  options: { fix?: boolean; timestamp?: number; answer?: boolean } = {},
): Promise<{ code: number; text: string; asked: number }> {
  let text = ''
  let asked = 0
  const code = await checkAof(join(directory, name), {
    fix: options.fix ?? false,
    timestamp: options.timestamp ?? 0,
    print: (part) => {
      text += part
    },
    confirm: () => {
      asked++
      return Promise.resolve(options.answer ?? false)
    },
  })
  return { code, text: text.replaceAll(directory, '.'), asked }
}

const write = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(directory, name), bytes)
const size = (name: string): number => readFileSync(join(directory, name)).length

describe('a single file', () => {
  test('good, empty, not there', async () => {
    write('a', good)
    expect(await check('a')).toEqual({
      code: 0,
      asked: 0,
      text:
        'Start checking Old-Style AOF\n' +
        `AOF analyzed: filename=./a, size=${good.length}, ok_up_to=${good.length}, ok_up_to_line=21, diff=0\n` +
        'AOF ./a is valid\n',
    })
    write('a', '')
    expect(await check('a')).toMatchObject({
      code: 0,
      text: 'Start checking Old-Style AOF\nAOF ./a is empty\n',
    })
    expect(await check('none')).toMatchObject({
      code: 1,
      text: 'Cannot open file ./none: No such file or directory\n',
    })
  })

  test('one that ends too early is cut only when asked for and confirmed', async () => {
    write('a', short)
    const found = await check('a')
    expect(found.code).toBe(1)
    expect(found.text).toContain('0x              6b: Expected to read 3 bytes, got 0 bytes\nAOF analyzed: ')
    expect(found.text).toContain('AOF ./a is not valid. Use the --fix option to try fixing it.\n')
    const no = await check('a', { fix: true })
    expect(no).toMatchObject({ code: 1, asked: 1 })
    expect(no.text).toContain(
      `This will shrink the AOF ./a from ${short.length} bytes, with 24 bytes, to ${good.length} bytes\n` +
        'Continue? [y/N]: Aborting...\n',
    )
    expect(size('a')).toBe(short.length)
    const yes = await check('a', { fix: true, answer: true })
    expect(yes.code).toBe(0)
    expect(yes.text).toMatch(/Continue\? \[y\/N\]: Successfully truncated AOF \.\/a\n$/)
    expect(readFileSync(join(directory, 'a'))).toEqual(good)
  })

  test('transactions without an end or a beginning', async () => {
    write('a', aof('SET a 1', 'MULTI', 'SET b 2'))
    const open = await check('a', { fix: true, answer: true })
    expect(open.text).toContain(': Reached EOF before reading EXEC for MULTI\n')
    expect(size('a')).toBe(aof('SET a 1').length)
    write('a', aof('MULTI', 'SET b 2', 'MULTI', 'EXEC'))
    expect((await check('a')).text).toContain(': Unexpected MULTI in AOF ./a\n')
    write('a', aof('SET a 1', 'EXEC', 'SET b 1'))
    expect((await check('a')).text).toMatch(/: Unexpected EXEC in AOF \.\/a\n.*ok_up_to=27,/)
  })

  test('what is no command', async () => {
    write('a', Buffer.concat([good, Buffer.from('junk')]))
    expect((await check('a')).text).toContain(
      `AOF ./a format error\nAOF analyzed: filename=./a, size=${good.length + 4}, ok_up_to=${good.length}, `,
    )
  })

  test('behind an RDB part', async () => {
    const s = session({ config: { dir: directory } })
    s.run('SET a 1')
    s.run('SAVE')
    const rdb = readFileSync(join(directory, 'dump.rdb'))
    write('a', Buffer.concat([rdb, short]))
    const { text } = await check('a')
    expect(text).toContain(`[offset ${rdb.length}] \\o/ RDB looks OK! \\o/\n`)
    expect(text).toContain('RDB preamble is OK, proceeding with AOF tail...\n')
    expect(text).toContain(`ok_up_to=${rdb.length + good.length}, `)
    await check('a', { fix: true, answer: true })
    expect(readFileSync(join(directory, 'a'))).toEqual(Buffer.concat([rdb, good]))
    write('a', rdb.subarray(0, -2))
    const damaged = await check('a', { fix: true, answer: true })
    expect(damaged).toMatchObject({ code: 1, asked: 0 })
    expect(damaged.text).toMatch(/RDB preamble of AOF file is not sane, aborting\.\n$/)
    expect(size('a')).toBe(rdb.length - 2)
  })
})

describe('a moment to go back to', () => {
  const stamped = aof('#TS:100', 'SET a 1', '#TS:200', 'SET b 1', '#TS:300', 'SET c 1')

  test('what is later is cut off', async () => {
    write('a', stamped)
    expect((await check('a', { timestamp: 400 })).text).toMatch(
      /Truncate nothing in AOF .* 400\nAOF \.\/a is valid\n$/,
    )
    const { code, text } = await check('a', { timestamp: 250 })
    expect(text).toBe('Start checking Old-Style AOF\nSuccessfully truncated AOF ./a to timestamp 250\n')
    expect(code).toBe(0)
    expect(readFileSync(join(directory, 'a'))).toEqual(aof('#TS:100', 'SET a 1', '#TS:200', 'SET b 1'))
    const none = await check('a', { timestamp: 50 })
    expect(none).toMatchObject({ code: 1 })
    expect(none.text).toContain('AOF ./a has nothing before timestamp 50, aborting...\n')
  })

  test('an annotation that tells no time', async () => {
    write('a', aof('SET a 1', '#TS:x', 'SET b 1'))
    expect((await check('a')).code).toBe(0)
    expect(await check('a', { timestamp: 1 })).toMatchObject({ code: 1 })
  })

  test('in a file that is not the last', async () => {
    write('m', 'file a seq 1 type i\nfile b seq 2 type i\n')
    write('a', stamped)
    write('b', good)
    const { code, text } = await check('m', { timestamp: 250 })
    expect(code).toBe(1)
    expect(text).toContain('to offset 72 because it is not the last file.\nIf you insist, ')
  })
})

describe('a manifest', () => {
  test('with all it names', async () => {
    write('m', '# parts\nfile a seq 1 type b\nfile b seq 1 type i\nfile c seq 2 type i\n')
    write('a', good)
    write('b', '')
    write('c', good)
    const { code, text } = await check('m')
    expect(code).toBe(0)
    expect(
      text.split('\n').map((line) => line.replace(/^AOF analyzed.*(ok_up_to_line=\d+).*/, '$1')),
    ).toEqual([
      'Start checking Multi Part AOF',
      'Start to check BASE AOF (RESP format).',
      'ok_up_to_line=21',
      'BASE AOF a is valid',
      'Start to check INCR files.',
      'INCR AOF b is empty',
      'ok_up_to_line=41',
      'INCR AOF c is valid',
      'All AOF files and manifest are valid',
      '',
    ])
  })

  test('only the last file is cut', async () => {
    write('m', 'file a seq 1 type b\nfile b seq 1 type i\n')
    write('a', short)
    write('b', short)
    const first = await check('m', { fix: true, answer: true })
    expect(first).toMatchObject({ code: 1, asked: 0 })
    expect(first.text).toContain('Failed to truncate AOF a because it is not the last file\n')
    expect(size('a')).toBe(short.length)
    write('a', good)
    const second = await check('m', { fix: true, answer: true })
    expect(second).toMatchObject({ code: 0, asked: 1 })
    expect(second.text).toContain('Successfully truncated AOF b\nAll AOF files and manifest are valid\n')
    expect(size('b')).toBe(good.length)
  })

  test('that is broken, or names a file that is not there', async () => {
    write('m', 'file a seq 1 type q\n')
    expect(await check('m')).toMatchObject({ code: 1 })
    expect((await check('m')).text).toContain(
      'FATAL AOF MANIFEST FILE ERROR ***\nReading the manifest file, at line 1',
    )
    write('m', 'file none seq 1 type i\n')
    expect((await check('m')).text).toContain(
      'Cannot open file ./none: No such file or directory, aborting...\n',
    )
  })
})
