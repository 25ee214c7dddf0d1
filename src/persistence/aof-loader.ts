/**
 * Loads the files that a manifest names, in order: the base, in RDB or as commands or one before the other, then the
 * increments. Commands are run by whoever loads; this reads, decides what is whole, and cuts off a tail that is not.
 *
 * A transaction is run as a whole or not at all: at its MULTI the file is read on to the EXEC, and only then are the
 * commands between them read again and run. A file that ends before the EXEC is as good as one that ends at the MULTI,
 * and is cut there: were the MULTI left, the EXEC of some later transaction would end it, or none. (Redis holds the
 * commands in memory until the EXEC, and leaves the MULTI when the file ends inside one of them.)
 */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from '../config/system-errors.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Log } from '../platform/log.ts'
import type { Arguments } from '../protocol/arguments.ts'
import type { AofFile, AofManifest } from './aof-manifest.ts'
import { ANNOTATION, AofReader, COMMAND, DAMAGED } from './aof-reader.ts'
import { type LoadProgress, seconds } from './load-progress.ts'
import { loadFault, RdbLoad } from './rdb-load.ts'

/** Commands between two turns of the loop, as in Redis. */
const COMMANDS_PER_TURN = 1024

export interface AofLoad {
  /** Where the files are. */
  readonly directory: string
  readonly manifest: AofManifest
  /** The directive's value: a base of that name is the single file of a server before Redis 7. */
  readonly appendfilename: string
  /** Empty: what is loaded goes there. */
  readonly keyspace: Keyspace
  readonly log: Log
  /** aof-load-truncated: a tail that is not whole may be cut off. */
  readonly loadTruncated: boolean
  /** Called once it is known that there is something to load, bytes. */
  begin(total: number): LoadProgress
  /** The commands of another file begin: they count on database 0. */
  beginFile(): void
  /**
   * Runs a command, whatever gates there are; MULTI and EXEC are not among them. An error reply is nothing to this.
   * What makes the file not loadable comes back as a text such as "Unknown command 'x'", null if nothing does. The
   * arguments are valid only while it runs.
   */
  apply(args: Arguments): string | null
}

export interface AofLoaded {
  /** Bytes of the base, 0 if there is none, and of all files, after cutting. */
  readonly baseSize: number
  readonly size: number
  /** Bytes cut off the last file. */
  readonly cut: number
  /** Keys that an RDB base had. */
  readonly keys: number
}

/**
 * Loads them and logs as Redis does. Returns null when the manifest names no files. Throws an Error that says in one
 * line what is wrong where; then the files are as they were, and what was loaded by then stays in the keyspace. A
 * LoadStopped of the progress passes through.
 */
export async function loadAof(load: AofLoad): Promise<AofLoaded | null> {
  const { manifest, log, directory } = load
  const { clock } = load.keyspace
  const { files } = manifest
  if (files.length === 0) return null
  const from = clock.monotonicMicros()
  const sizes = files.map((file) => sizeOf(directory, file))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  let cut = 0
  let keys = 0
  if (total > 0) {
    const progress = load.begin(total)
    for (const [i, file] of files.entries()) {
      if (sizes[i] === 0) continue
      const begun = clock.monotonicMicros()
      const loaded = await loadFile(load, progress, file, i === files.length - 1)
      const kind = file === manifest.base ? 'base' : 'incr'
      log.notice(
        `DB loaded from ${kind} file ${file.name}: ${seconds(clock.monotonicMicros() - begun)} seconds`,
      )
      progress.endFile(sizes[i])
      cut = loaded.cut
      keys += loaded.keys
      sizes[i] -= cut
    }
  }
  log.notice(`DB loaded from append only file: ${seconds(clock.monotonicMicros() - from)} seconds`)
  return { baseSize: manifest.base === null ? 0 : sizes[0], size: total - cut, cut, keys }
}

/** One file, which is not empty. */
async function loadFile(
  load: AofLoad,
  progress: LoadProgress,
  { name }: AofFile,
  last: boolean,
): Promise<{ cut: number; keys: number }> {
  const path = join(load.directory, name)
  const file = openFile(path, name)
  try {
    const { size } = fstatSync(file)
    load.beginFile()
    const preamble = isRdb(file) ? await loadPreamble(load, progress, path, name) : { end: 0, keys: 0 }
    const commands = new CommandFile(load, progress, name, new AofReader(file, size, preamble.end))
    const end = await commands.run()
    if (end < size) {
      if (!load.loadTruncated) throw new Error(commands.unexpectedEnd())
      if (!last) throw new Error(commands.notTheLast())
      cutOff(load.log, path, name, end, size)
    }
    return { cut: size - end, keys: preamble.keys }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    const reason = reasonOf(error)
    throw new Error(`Unrecoverable error reading the append only file ${name}: ${reason}`, { cause: error })
  } finally {
    closeSync(file)
  }
}

function openFile(path: string, name: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    const reason = reasonOf(error)
    throw new Error(`Fatal error: can't open the append log file ${name} for reading: ${reason}`, {
      cause: error,
    })
  }
}

/** Whether the file begins as RDB files do, Redis's or Valkey's. */
export function isRdb(file: number): boolean {
  const magic = Buffer.alloc(6)
  const length = readSync(file, magic, 0, magic.length, 0)
  return /^(?:REDIS|VALKEY)/.test(magic.toString('latin1', 0, length))
}

/** Keys past their deadline are loaded too: the commands that follow count on them. Returns where it ends. */
async function loadPreamble(
  { keyspace, log, appendfilename }: AofLoad,
  progress: LoadProgress,
  path: string,
  name: string,
): Promise<{ end: number; keys: number }> {
  const old = name === appendfilename
  log.notice(old ? 'Reading RDB preamble from AOF file...' : 'Reading RDB base file on AOF loading...')
  const rdb = new RdbLoad(keyspace, log, path, { keepExpired: true, open: true })
  try {
    while (rdb.step(progress.nextPause)) {
      progress.usedMemory = rdb.usedMemory
      await progress.pause(rdb.position)
    }
  } catch (error) {
    const fault = loadFault(error)
    if (fault === null) throw error
    const what = old ? 'RDB preamble of the AOF file' : 'RDB base file'
    throw new Error(`Error reading the ${what} ${name}, AOF loading aborted: ${fault}`, { cause: error })
  } finally {
    rdb.close()
  }
  if (old) log.notice('Reading the remaining AOF tail...')
  return { end: rdb.position, keys: rdb.loaded }
}

/** The commands of one file. */
class CommandFile {
  private readonly load: AofLoad
  private readonly progress: LoadProgress
  private readonly name: string
  private readonly reader: AofReader
  /** Commands until the loop has its next turn. */
  private countdown: number

  constructor(load: AofLoad, progress: LoadProgress, name: string, reader: AofReader) {
    this.load = load
    this.progress = progress
    this.name = name
    this.reader = reader
    this.countdown = COMMANDS_PER_TURN
  }

  /** Runs them. Returns the position up to which the file is whole. Throws an Error where it is damaged. */
  async run(): Promise<number> {
    const { reader } = this
    for (;;) {
      const status = await this.next()
      if (status !== COMMAND) return reader.start
      const at = reader.start
      if (reader.args.is(0, 'MULTI')) {
        if (!(await this.transaction(at))) {
          this.load.log.warning(`Revert incomplete MULTI/EXEC transaction in AOF file ${this.name}`)
          return at
        }
      } else if (reader.args.is(0, 'EXEC')) this.ignore('EXEC without MULTI')
      else this.apply()
    }
  }

  /** Runs the transaction whose MULTI has been read at this position, if its EXEC is there too. */
  private async transaction(at: number): Promise<boolean> {
    const { reader } = this
    const first = reader.position
    do {
      if ((await this.next()) !== COMMAND) return false
    } while (!reader.args.is(0, 'EXEC'))
    const exec = reader.start
    reader.seek(first)
    for (;;) {
      await this.next()
      if (reader.start === exec) return true
      if (reader.args.is(0, 'MULTI'))
        this.ignore(`MULTI calls can not be nested, the first is at offset ${at}`)
      else this.apply()
    }
  }

  /** The next command; other than COMMAND is the end of the file, be it at the end of a command or inside one. */
  private async next(): Promise<number> {
    const { reader, progress } = this
    for (;;) {
      if (--this.countdown === 0 || progress.due(reader.position)) {
        this.countdown = COMMANDS_PER_TURN
        await progress.pause(reader.position)
      }
      const status = reader.next()
      if (status === DAMAGED) throw new Error(this.damaged())
      if (status !== ANNOTATION) return status
    }
  }

  private apply(): void {
    const { reader, load } = this
    const refusal = load.apply(reader.args)
    if (refusal !== null) {
      throw new Error(`${refusal} reading the append only file ${this.name} at offset ${reader.start}`)
    }
    this.progress.delay()
  }

  /** What no server writes, and every server goes on after. */
  private ignore(what: string): void {
    this.load.log.warning(
      `${what}: left out at offset ${this.reader.start} of the append only file ${this.name}`,
    )
  }

  private damaged(): string {
    return (
      `Bad file format reading the append only file ${this.name}: make a backup of your AOF file, then use ` +
      `respite check-aof --fix <filename.manifest> (${this.where()})`
    )
  }

  unexpectedEnd(): string {
    return (
      `Unexpected end of file reading the append only file ${this.name}. You can: 1) Make a backup of your AOF ` +
      'file, then use respite check-aof --fix <filename.manifest>. 2) Alternatively you can set the ' +
      `'aof-load-truncated' configuration option to yes and restart the server. (${this.where()})`
    )
  }

  notTheLast(): string {
    return `Fatal error: the truncated file is not the last file: ${this.name} (${this.where()})`
  }

  private where(): string {
    const { fault, position } = this.reader
    if (fault === null) return `at offset ${position}: Expected EXEC, got the end of the file`
    return `at offset ${fault.offset}: ${fault.text}`
  }
}

/** Cuts the file, with the lines Redis has for it. Throws an Error when that fails. */
function cutOff(log: Log, path: string, name: string, end: number, size: number): void {
  log.warning(`!!! Warning: short read while loading the AOF file ${name}!!!`)
  log.warning(
    `!!! Truncating the AOF ${name} at offset ${end} !!! ${size - end} of ${size} bytes are cut off`,
  )
  try {
    const file = openSync(path, 'r+')
    try {
      ftruncateSync(file, end)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw new Error(`Error truncating the AOF file ${name}: ${reasonOf(error)}`, { cause: error })
  }
  log.warning(`AOF ${name} loaded anyway because aof-load-truncated is enabled`)
}

function sizeOf(directory: string, { name }: AofFile): number {
  try {
    return statSync(join(directory, name)).size
  } catch (error) {
    throw new Error(`Unable to obtain the AOF file ${name} length. stat: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}
