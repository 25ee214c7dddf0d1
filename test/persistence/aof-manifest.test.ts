/** The AOF manifest: text to parts and back, every refusal, what the operations do, and its file. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { AofManifest, loadManifest, ManifestError, saveManifest } from '../../src/persistence/aof-manifest.ts'

const directory = mkdtempSync(join(tmpdir(), 'manifest-'))
afterAll(() => rmSync(directory, { recursive: true }))

const parse = (text: string): AofManifest => AofManifest.parse(Buffer.from(text, 'latin1'))
const NAME = 'appendonly.aof'
const line = (rest: string): string => `file appendonly.aof.${rest}\n`

const USUAL = `file a.2.base.rdb seq 2 type b
file a.1.incr.aof seq 1 type h
file a.1.base.rdb seq 1 type h
file a.2.incr.aof seq 2 type i
file a.3.incr.aof seq 3 type i
`

describe('text', () => {
  test('a manifest, in parts', () => {
    const manifest = parse(USUAL)
    expect(manifest.base).toEqual({ name: 'a.2.base.rdb', seq: 2 })
    expect(manifest.increments.map(({ seq }) => seq)).toEqual([2, 3])
    expect(manifest.history.map(({ name }) => name)).toEqual(['a.1.incr.aof', 'a.1.base.rdb'])
    expect(manifest.files.map(({ name }) => name)).toEqual(['a.2.base.rdb', 'a.2.incr.aof', 'a.3.incr.aof'])
    expect(manifest.text()).toBe(USUAL)
  })

  test('the order of pairs, case, blanks, comments and words unknown do not matter', () => {
    const text = `# a comment\n \tSEQ 7junk Type base file a x y\r\n#\nfile "b\\x20c" seq 1 type i\n`
    const manifest = parse(text)
    expect(manifest.base).toEqual({ name: 'a', seq: 7 })
    expect(manifest.text()).toBe('file a seq 7 type b\nfile "b c" seq 1 type i\n')
  })

  test('the save id of a file stays with it; what is none is passed over', () => {
    const id = 'a0'.repeat(20)
    const text = `file b seq 1 type b respite-save-id ${id}\nfile a seq 1 type i\n`
    const manifest = parse(text)
    expect(manifest.base).toEqual({ name: 'b', seq: 1, saveId: id })
    expect(manifest.text()).toBe(text)
    expect(manifest.withBase(manifest.nextBase('x', true), 0).text()).toContain(
      `file b seq 1 type h respite-save-id ${id}\n`,
    )
    expect(parse('file b seq 1 type b respite-save-id 12\n').text()).toBe('file b seq 1 type b\n')
  })

  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => !/[/\\\0]/.test(text) && Buffer.from(text).toString() === text)
  const seqs = fc.uniqueArray(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 5 })
  const file = fc.record({ name, seq: fc.integer({ min: 1 }) })
  const manifests = fc
    .record({
      base: fc.option(file),
      increments: seqs.chain((all) =>
        fc.tuple(...all.sort((a, b) => a - b).map((seq) => fc.record({ name, seq: fc.constant(seq) }))),
      ),
      history: fc.array(file, { maxLength: 3 }),
    })
    .filter(({ base, increments, history }) => base !== null || increments.length + history.length > 0)

  test('survives writing and reading, whatever the names', () => {
    fc.assert(
      fc.property(manifests, ({ base, increments, history }) => {
        const manifest = new AofManifest(base, increments, history)
        const text = manifest.text()
        expect(text).toMatch(/^[ -~\n]+$/)
        expect(parse(text)).toEqual(manifest)
        expect(parse(text).text()).toBe(text)
      }),
    )
  })

  test('any bytes are read or refused', () => {
    const line = fc.constantFrom(
      'file a seq 1 type b\n',
      'file "',
      ' seq 2',
      ' type i\n',
      '#',
      '\n',
      '\0',
      'é',
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 9 }), (parts) => {
        try {
          const manifest = parse(parts.join(''))
          expect(parse(`${manifest.text()}#\n`)).toEqual(manifest)
        } catch (error) {
          expect(error).toBeInstanceOf(ManifestError)
        }
      }),
    )
  })
})

describe('refused', () => {
  const long = 'x'.repeat(1023)
  test.each([
    ['', 'Found an empty AOF manifest'],
    ['\n', "line 1 >>> '' Invalid AOF manifest file format"],
    ['#\n \n', "line 2 >>> '' Invalid AOF manifest file format"],
    ['file a seq 1 type\n', "'file a seq 1 type' Invalid"],
    ['file a seq 1\n', "'file a seq 1' Invalid"],
    ['file a seq 1 type "b\n', 'Invalid'],
    ['file a seq 0 type b\n', 'Invalid'],
    ['file a seq x type b\n', 'Invalid'],
    ['file a seq 99999999999999999999 type b\n', 'Invalid'],
    ['file "" seq 1 type b\n', 'Invalid'],
    ['file a seq 1 type ""\n', 'Invalid'],
    ['file a b c d e\n', 'Invalid'],
    ['file ../a seq 1 type b\n', "File can't be a path, just a filename"],
    ['file "a\\\\b" seq 1 type b\n', "File can't be a path, just a filename"],
    ['file a seq 1 type b\nfile b seq 2 type b\n', 'line 2 .*Found duplicate base file information'],
    ['file a seq 2 type i\nfile b seq 2 type i\n', 'Found a non-monotonic sequence number'],
    ['file a seq -1 type i\n', 'Found a non-monotonic sequence number'],
    ['file a seq 1 type x\n', 'Unknown AOF file type'],
    ['file a seq 1 type b', 'The AOF manifest file contains too long line'],
    ['file a seq 1 \0 type b\n', 'too long line'],
    [`file a seq 1 type b ${long}\n`, 'too long line'],
    [`#${long}\n`, "line 2 >>> '' Invalid"],
  ])('%j', (text, reason) => {
    expect(() => parse(text)).toThrow(new RegExp(reason))
    expect(() => parse(text)).toThrow(ManifestError)
  })

  test('what is just short enough is not', () => {
    expect(parse(`#${'x'.repeat(1022)}\nfile a seq 1 type b\n`).base?.name).toBe('a')
    expect(parse(`file ${'a'.repeat(1024 - 19)} seq 1 type b\n`).base?.seq).toBe(1)
    expect(parse('#').files).toEqual([])
  })
})

describe('operations', () => {
  test('a life: first base, increments, a rewrite', () => {
    let manifest = AofManifest.empty
    manifest = manifest.withBase(manifest.nextBase(NAME, true), 0)
    manifest = manifest.withIncrement(manifest.nextIncrement(NAME))
    const first = `${line('1.base.rdb seq 1 type b')}${line('1.incr.aof seq 1 type i')}`
    expect(manifest.text()).toBe(first)
    const before = manifest
    manifest = manifest.withIncrement(manifest.nextIncrement(NAME))
    manifest = manifest.withIncrement(manifest.nextIncrement(NAME))
    manifest = manifest.withBase(manifest.nextBase(NAME, false), 1)
    expect(manifest.text()).toBe(
      line('2.base.aof seq 2 type b') +
        line('1.incr.aof seq 1 type h') +
        line('2.incr.aof seq 2 type h') +
        line('1.base.rdb seq 1 type h') +
        line('3.incr.aof seq 3 type i'),
    )
    expect(manifest.withoutHistory().text()).toBe(
      `${line('2.base.aof seq 2 type b')}${line('3.incr.aof seq 3 type i')}`,
    )
    expect(before.text()).toBe(first)
  })

  test('nothing new is called as what is to be removed', () => {
    const manifest = new AofManifest(
      { name: `${NAME}.1.base.rdb`, seq: 1 },
      [{ name: `${NAME}.1.incr.aof`, seq: 1 }],
      [],
    )
    const rewritten = manifest.withBase(manifest.nextBase(NAME, true), 0)
    expect(rewritten.nextIncrement(NAME)).toEqual({ name: `${NAME}.2.incr.aof`, seq: 2 })
    const without = new AofManifest(null, [], rewritten.history)
    expect(without.nextBase(NAME, true).seq).toBe(2)
    expect(without.nextBase(NAME, false).seq).toBe(1)
  })
})

describe('its file', () => {
  test('none, a good one, a broken one', () => {
    expect(loadManifest(directory, NAME)).toBe(AofManifest.empty)
    expect(loadManifest(join(directory, 'none'), NAME)).toBe(AofManifest.empty)
    const manifest = parse(USUAL)
    saveManifest(directory, NAME, manifest)
    expect(loadManifest(directory, NAME)).toEqual(manifest)
    expect(readdirSync(directory)).toEqual([`${NAME}.manifest`])
    const path = join(directory, `${NAME}.manifest`)
    expect(readFileSync(path, 'latin1')).toBe(USUAL)
    writeFileSync(path, 'junk\n')
    expect(() => loadManifest(directory, NAME)).toThrow(
      `*** FATAL AOF MANIFEST FILE ERROR *** ${path}: Reading the manifest file, at line 1 >>> 'junk' Invalid`,
    )
  })

  test('one that cannot be written or read', () => {
    const gone = join(directory, 'gone')
    expect(() => saveManifest(gone, NAME, AofManifest.empty)).toThrow('ENOENT')
    expect(existsSync(gone)).toBe(false)
  })
})
