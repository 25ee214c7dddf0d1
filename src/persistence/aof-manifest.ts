/**
 * The manifest of an append-only file in parts: which files make up the dataset, in what order, and which are left
 * over. It names files and reads or writes none but its own.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { quoted, splitArguments } from '../config/split-args.ts'
import { reasonOf } from '../config/system-errors.ts'
import { replaceFile } from './rdb-file.ts'

/** Bytes of a line, its line feed included. */
const LINE_MAX = 1024
/** Bytes of the whole: some hundred thousand lines. */
const FILE_MAX = 16 * 1024 * 1024
const HASH = 0x23
const LINE_FEED = 0x0a

/** What a file is: the dataset at some moment, commands since then, or what a newer base made superfluous. */
const BASE = 'b'
const INCREMENT = 'i'
const HISTORY = 'h'

export interface AofFile {
  /** Without a directory: all files lie beside the manifest. */
  readonly name: string
  /** Its number among the bases or among the increments, from 1. */
  readonly seq: number
  /** Of a base, where its server gave it one; an RDB file has it inside too. */
  readonly saveId?: string
}

/** The key of a save id in a line. Other servers pass over what they do not know, and do not write it again. */
const SAVE_ID = 'respite-save-id'

/** A line that is no manifest's, in one sentence. */
export class ManifestError extends Error {}

/** Never changed: every operation gives a new one, which is true once saveManifest() has it on disk. */
export class AofManifest {
  static readonly empty: AofManifest = new AofManifest(null, [], [])
  readonly base: AofFile | null
  /** In the order they were written. */
  readonly increments: readonly AofFile[]
  /** Files that are no part of the dataset any more and may be removed. */
  readonly history: readonly AofFile[]

  constructor(base: AofFile | null, increments: readonly AofFile[], history: readonly AofFile[]) {
    this.base = base
    this.increments = increments
    this.history = history
  }

  /** The files to load, in order. */
  get files(): readonly AofFile[] {
    return this.base === null ? this.increments : [this.base, ...this.increments]
  }

  /** The base after this one: an RDB file, or one of commands. `appendfilename` is the directive's value. */
  nextBase(appendfilename: string, rdb: boolean): AofFile {
    const suffix = `base.${rdb ? 'rdb' : 'aof'}`
    return this.unused((this.base?.seq ?? 0) + 1, (seq) => `${appendfilename}.${seq}.${suffix}`)
  }

  /** The increment after the last one. */
  nextIncrement(appendfilename: string): AofFile {
    const last = this.increments.at(-1)
    return this.unused((last?.seq ?? 0) + 1, (seq) => `${appendfilename}.${seq}.incr.aof`)
  }

  /** With a further increment. */
  withIncrement(file: AofFile): AofManifest {
    return new AofManifest(this.base, [...this.increments, file], this.history)
  }

  /** With a new base, which holds all but the last `kept` increments: those, and the old base, become history. */
  withBase(file: AofFile, kept: number): AofManifest {
    const { base, increments, history } = this
    const last = Math.max(0, increments.length - kept)
    const old = [...increments.slice(0, last), ...(base === null ? [] : [base])]
    return new AofManifest(file, increments.slice(last), [...old, ...history])
  }

  withoutHistory(): AofManifest {
    return new AofManifest(this.base, this.increments, [])
  }

  /** A file of history may be removed at any time: nothing new may have its name. */
  private unused(from: number, nameOf: (seq: number) => string): AofFile {
    const taken = new Set(this.history.map(({ name }) => name))
    let seq = from
    while (taken.has(nameOf(seq))) seq++
    return { name: nameOf(seq), seq }
  }

  /** The manifest file's content; what is in it is ASCII. */
  text(): string {
    return [
      ...(this.base === null ? [] : [lineOf(this.base, BASE)]),
      ...this.history.map((file) => lineOf(file, HISTORY)),
      ...this.increments.map((file) => lineOf(file, INCREMENT)),
    ].join('')
  }

  /** Throws ManifestError. */
  static parse(bytes: Uint8Array): AofManifest {
    let base: AofFile | null = null
    const increments: AofFile[] = []
    const history: AofFile[] = []
    let number = 0
    for (let at = 0; at < bytes.length; ) {
      const feed = bytes.indexOf(LINE_FEED, at)
      // A comment that is too long is read in pieces, as Redis does: what is behind its first kilobyte is a line.
      const end = Math.min(feed < 0 ? bytes.length : feed + 1, at + LINE_MAX)
      const line = bytes.subarray(at, end)
      at = end
      number++
      if (line[0] === HASH) continue
      const refuse = (reason: string): never => {
        const text = quoted(Buffer.from(line).toString('latin1').trim()).slice(1, -1)
        throw new ManifestError(`Reading the manifest file, at line ${number} >>> '${text}' ${reason}`)
      }
      if (line.at(-1) !== LINE_FEED || line.includes(0)) {
        refuse('The AOF manifest file contains too long line')
      }
      const { type, ...file } = fileOf(line, refuse)
      if (type === BASE) {
        if (base !== null) refuse('Found duplicate base file information')
        base = file
      } else if (type === INCREMENT) {
        if (file.seq <= (increments.at(-1)?.seq ?? 0)) refuse('Found a non-monotonic sequence number')
        increments.push(file)
      } else if (type === HISTORY) {
        history.push(file)
      } else refuse('Unknown AOF file type')
    }
    if (number === 0) throw new ManifestError('Found an empty AOF manifest')
    return new AofManifest(base, increments, history)
  }
}

/** The manifest's file name, for the directive's value. */
export function manifestName(appendfilename: string): string {
  return `${appendfilename}.manifest`
}

/** The manifest at `path`. Throws ManifestError, or the system's error. */
export function readManifest(path: string): AofManifest {
  if (statSync(path).size > FILE_MAX) throw new ManifestError('The AOF manifest file is too large')
  return AofManifest.parse(readFileSync(path))
}

/**
 * The manifest in `directory`, or the empty one when there is none. Throws an Error, in one line, when it can't be
 * read or is broken.
 */
export function loadManifest(directory: string, appendfilename: string): AofManifest {
  const path = join(directory, manifestName(appendfilename))
  try {
    return readManifest(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return AofManifest.empty
    if (error instanceof ManifestError) {
      throw new Error(`*** FATAL AOF MANIFEST FILE ERROR *** ${path}: ${error.message}`, { cause: error })
    }
    const reason = reasonOf(error)
    throw new Error(`Fatal error: can't open the AOF manifest file ${path} for reading: ${reason}`, {
      cause: error,
    })
  }
}

/**
 * Replaces the manifest in `directory`, which is there, and has it last through a power cut. On an error, which is
 * the system's, the old one is as it was.
 */
export function saveManifest(directory: string, appendfilename: string, manifest: AofManifest): void {
  const name = manifestName(appendfilename)
  replaceFile(join(directory, name), `temp-${name}`, (write) => write(Buffer.from(manifest.text(), 'latin1')))
}

/** A line's words: pairs of a name and a value, of which those not known are for a version to come. */
function fileOf(line: Uint8Array, refuse: (reason: string) => never): AofFile & { type: string } {
  const words = splitArguments(line)
  if (words === null || words.length < 6 || words.length % 2 !== 0) {
    return refuse('Invalid AOF manifest file format')
  }
  let name = ''
  let seq = 0
  let type = ''
  let saveId = ''
  for (let i = 0; i < words.length; i += 2) {
    const key = words[i].toString('latin1').toLowerCase()
    const value = words[i + 1].toString()
    if (key === 'file') name = value
    else if (key === 'seq') seq = Number.parseInt(value, 10)
    else if (key === 'type') type = value.slice(0, 1)
    else if (key === SAVE_ID) saveId = value
    if (/[/\\]/.test(name)) refuse("File can't be a path, just a filename")
  }
  // A file that its number can't be written of again would be another one the next time.
  if (name === '' || seq === 0 || !Number.isSafeInteger(seq) || type === '') {
    refuse('Invalid AOF manifest file format')
  }
  return { name, seq, type, ...(/^[0-9a-f]{40}$/.test(saveId) ? { saveId } : {}) }
}

function lineOf({ name, seq, saveId }: AofFile, type: string): string {
  const mark = saveId === undefined ? '' : ` ${SAVE_ID} ${saveId}`
  return `file ${shown(name)} seq ${seq} type ${type}${mark}\n`
}

/** Unlike Redis this quotes an apostrophe too: reading the name again would take it for a quote. */
function shown(name: string): string {
  const bytes = Buffer.from(name).toString('latin1')
  return /[^!-~]|["'\\]/.test(bytes) ? quoted(bytes) : bytes
}
