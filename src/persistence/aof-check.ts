/**
 * Whether append-only files would load, found out without a server, and cutting off what would not: `respite check-aof`,
 * in redis-check-aof's words. It reads commands and runs none.
 */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { reasonOf } from '../config/system-errors.ts'
import { isRdb } from './aof-loader.ts'
import { type AofManifest, ManifestError, readManifest } from './aof-manifest.ts'
import { ANNOTATION, AofReader, COMMAND, END } from './aof-reader.ts'
import { checkRdbPreamble } from './rdb-check.ts'

/** How much of a file is looked at for the first line that is no comment. */
const BEGINNING = 64 * 1024

export interface AofCheck {
  /** Offer to cut off what is behind the last whole command. */
  readonly fix: boolean
  /** Cut off what was written after this moment, seconds since the epoch; 0 for nothing. */
  readonly timestamp: number
  readonly print: (text: string) => void
  /** Whether the user says yes to the question just printed. */
  readonly confirm: () => Promise<boolean>
}

/** What is wrong, in the line to print: nothing more can be done. */
class Refusal extends Error {}

type Verdict = 'valid' | 'empty' | 'cut' | 'cut to timestamp'

/** One of the files to check. */
interface Part {
  readonly name: string
  readonly path: string
  /** Nothing follows it, so that it may be cut. */
  readonly last: boolean
  readonly rdb: boolean
  /** Line ends in the files before. */
  readonly line: number
}

/** Checks the manifest with all it names, or the single file, at `path`. Resolves to the exit code: 0 for good ones. */
export async function checkAof(path: string, check: AofCheck): Promise<number> {
  try {
    if (isManifest(path)) await checkParts(path, check)
    else await checkSingle(path, check)
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    check.print(`${error.message}\n`)
    return 1
  }
}

async function checkParts(path: string, check: AofCheck): Promise<void> {
  check.print('Start checking Multi Part AOF\n')
  const manifest = manifestAt(path)
  const { files, base } = manifest
  let line = 1
  for (const [i, { name }] of files.entries()) {
    const part = { name, path: `${dirname(path)}/${name}`, last: i === files.length - 1, line }
    const rdb = i === 0 && base !== null && looksLikeRdb(part.path)
    if (base !== null && i === 0) check.print(`Start to check BASE AOF (${rdb ? 'RDB' : 'RESP'} format).\n`)
    if (i === (base === null ? 0 : 1)) check.print('Start to check INCR files.\n')
    const checked = await checkFile({ ...part, rdb }, check)
    line = checked.line
    report(checked.verdict, `${base !== null && i === 0 ? 'BASE' : 'INCR'} AOF`, name, check)
  }
  check.print('All AOF files and manifest are valid\n')
}

async function checkSingle(path: string, check: AofCheck): Promise<void> {
  const rdb = looksLikeRdb(path)
  check.print('Start checking Old-Style AOF\n')
  const { verdict } = await checkFile({ name: path, path, last: true, rdb, line: 1 }, check)
  report(verdict, 'AOF', path, check)
}

function report(verdict: Verdict, kind: string, name: string, { print, timestamp }: AofCheck): void {
  if (verdict === 'valid') print(`${kind} ${name} is valid\n`)
  else if (verdict === 'empty') print(`${kind} ${name} is empty\n`)
  else if (verdict === 'cut') print(`Successfully truncated AOF ${name}\n`)
  else print(`Successfully truncated AOF ${name} to timestamp ${timestamp}\n`)
}

async function checkFile(part: Part, check: AofCheck): Promise<{ verdict: Verdict; line: number }> {
  const { name, path, line } = part
  const file = open(path, check.fix || check.timestamp !== 0 ? 'r+' : 'r', ', aborting...')
  try {
    const { size } = fstatSync(file)
    if (size === 0) return { verdict: 'empty', line }
    const from = part.rdb ? checkRdbPreamble(path, check.print) : 0
    if (from < 0) throw new Refusal('RDB preamble of AOF file is not sane, aborting.')
    if (part.rdb) check.print('RDB preamble is OK, proceeding with AOF tail...\n')
    const reader = new AofReader(file, size, from)
    const commands = readCommands(reader, part, check)
    const after = line + reader.lines
    if (commands.timestampAt >= 0) {
      cut(file, commands.timestampAt, `Failed to truncate AOF ${name} to timestamp ${check.timestamp}`)
      return { verdict: 'cut to timestamp', line: after }
    }
    if (commands.fault !== '') check.print(`${commands.fault}\n`)
    const { end } = commands
    if (end === size && check.timestamp !== 0) {
      check.print(`Truncate nothing in AOF ${name} to timestamp ${check.timestamp}\n`)
      return { verdict: 'valid', line: after }
    }
    check.print(
      `AOF analyzed: filename=${name}, size=${size}, ok_up_to=${end}, ok_up_to_line=${after}, diff=${size - end}\n`,
    )
    if (end === size) return { verdict: 'valid', line: after }
    await shrink(file, part, size, end, check)
    return { verdict: 'cut', line: after }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw new Refusal(`Failed to read from AOF ${name}, aborting...`, { cause: error })
  } finally {
    closeSync(file)
  }
}

/** What the commands of a file are like. */
interface Commands {
  /** Up to where they are whole, transactions included. */
  readonly end: number
  /** What is wrong behind, or ''. */
  readonly fault: string
  /** Where the first annotation stands that is later than asked for; -1 if none is. */
  readonly timestampAt: number
}

function readCommands(reader: AofReader, part: Part, check: AofCheck): Commands {
  let multi = false
  /** Of what was read last. */
  let at = 0
  let end = reader.position
  const failed = (offset: number, text: string): Commands => {
    const fault = text === '' ? '' : `0x${offset.toString(16).padStart(16)}: ${text}`
    return { end, fault, timestampAt: -1 }
  }
  for (;;) {
    if (!multi) end = reader.position
    const status = reader.next()
    if (status === ANNOTATION) {
      at = reader.start
      if (isTooLate(reader.annotation, at, part, check)) return { end, fault: '', timestampAt: at }
    } else if (status === COMMAND) {
      const { args, position } = reader
      const begins = args.is(0, 'MULTI')
      at = position - args.lengths[args.count - 1] - 2
      if ((begins && multi) || (!multi && args.is(0, 'EXEC'))) {
        return failed(at, `Unexpected ${begins ? 'MULTI' : 'EXEC'} in AOF ${part.path}`)
      }
      if (begins) multi = true
      else if (args.is(0, 'EXEC')) multi = false
    } else if (status === END) {
      return failed(at, multi ? 'Reached EOF before reading EXEC for MULTI' : '')
    } else {
      const { offset, text } = reader.fault ?? { offset: 0, text: '' }
      if (offset > reader.start || !text.startsWith("Expected prefix '*'")) return failed(offset, text)
      check.print(`AOF ${part.name} format error\n`)
      return failed(offset, '')
    }
  }
}

/** Whether an annotation is later than asked for. Throws a Refusal where the file may not be cut there. */
function isTooLate(annotation: string, at: number, part: Part, { timestamp }: AofCheck): boolean {
  if (timestamp === 0 || !annotation.startsWith('#TS:')) return false
  const digits = /^#TS:\s*([+-]?\d+)\r/.exec(annotation)
  if (digits === null) throw new Refusal('Invalid timestamp annotation')
  if (Number(digits[1]) <= timestamp) return false
  if (at === 0) throw new Refusal(`AOF ${part.path} has nothing before timestamp ${timestamp}, aborting...`)
  if (part.last) return true
  throw new Refusal(
    `Failed to truncate AOF ${part.path} to timestamp ${timestamp} to offset ${at} because it is not the last file.\n` +
      'If you insist, please delete all files after this file according to the manifest file and delete the ' +
      'corresponding records in manifest file manually. Then re-run redis-check-aof.',
  )
}

/** Cuts the file if that was asked for and is confirmed. Throws a Refusal otherwise. */
async function shrink(file: number, part: Part, size: number, end: number, check: AofCheck): Promise<void> {
  const { name } = part
  if (!check.fix) throw new Refusal(`AOF ${name} is not valid. Use the --fix option to try fixing it.`)
  if (!part.last) throw new Refusal(`Failed to truncate AOF ${name} because it is not the last file`)
  check.print(
    `This will shrink the AOF ${name} from ${size} bytes, with ${size - end} bytes, to ${end} bytes\nContinue? [y/N]: `,
  )
  if (!(await check.confirm())) throw new Refusal('Aborting...')
  cut(file, end, `Failed to truncate AOF ${name}`)
}

function cut(file: number, end: number, failure: string): void {
  try {
    ftruncateSync(file, end)
    fsyncSync(file)
  } catch (error) {
    throw new Refusal(`${failure}: ${reasonOf(error)}`, { cause: error })
  }
}

function open(path: string, flags: string, more: string = ''): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    throw new Refusal(`Cannot open file ${path}: ${reasonOf(error)}${more}`, { cause: error })
  }
}

function looksLikeRdb(path: string): boolean {
  const file = open(path, 'r')
  try {
    return isRdb(file)
  } finally {
    closeSync(file)
  }
}

/** Whether the first line that is no comment is a manifest's. */
function isManifest(path: string): boolean {
  const file = open(path, 'r')
  try {
    const beginning = Buffer.alloc(BEGINNING)
    const length = readSync(file, beginning, 0, BEGINNING, 0)
    return /^(?:#.*\n)*file/.test(beginning.toString('latin1', 0, length))
  } catch (error) {
    throw new Refusal(`Cannot read file: ${path}: ${reasonOf(error)}`, { cause: error })
  } finally {
    closeSync(file)
  }
}

function manifestAt(path: string): AofManifest {
  try {
    return readManifest(path)
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    throw new Refusal(`*** FATAL AOF MANIFEST FILE ERROR ***\n${error.message}`, { cause: error })
  }
}
