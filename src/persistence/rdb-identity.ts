/**
 * What tells one RDB file from another without reading all of it: the save id that this server gives each file, its
 * size, and the checksum at its end. Whether all of a file would load is rdb-check.ts's to say.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { randomBytes } from '../platform/random.ts'
import { Block } from '../structures/block.ts'
import { CHECKSUM_SINCE, isReadable, OPCODE_AUX, OPCODE_EOF, RdbError } from './rdb-format.ts'
import { RdbInput } from './rdb-input.ts'

/** The remark in an RDB file that holds its save id; other servers pass over it, and do not write it. */
export const SAVE_ID_REMARK = 'respite-save-id'

/** Bytes of a file in which remarks are looked for: they come first, and are short. */
const HEAD = 1024
const MAGIC_BYTES = 9
const CHECKSUM_BYTES = 8
const NO_CHECKSUM = '0'.repeat(2 * CHECKSUM_BYTES)

/** A new save id, which no other file has: forty hexadecimal digits. */
export function newSaveId(): string {
  return randomBytes(20).toString('hex')
}

/** The save id in an identity; '' where there is none. */
export function saveIdOf(identity: string): string {
  return /^[0-9a-f]{40}(?=-)/.exec(identity)?.[0] ?? ''
}

/**
 * `SAVEID-SIZE-CHECKSUM`; without the save id for a file of another server's, and with the milliseconds of its last
 * change where nothing else would tell such a file's content. Null when it can't be read.
 */
export function rdbIdentity(path: string): string | null {
  return readingFrom(path, identityOfRdb)
}

/** The same of an open file, of which nothing is read on. Throws the system's error. */
export function identityOfRdb(file: number): string {
  const { size, mtimeMs } = fstatSync(file)
  const checksum = bytesAt(file, Math.max(0, size - CHECKSUM_BYTES), CHECKSUM_BYTES).toString('hex')
  const saveId = saveIdIn(bytesAt(file, 0, HEAD))
  if (saveId !== '') return `${saveId}-${size}-${checksum}`
  return `${size}-${checksum === NO_CHECKSUM ? mtimeMs : checksum}`
}

/** The save id of the RDB file at `path`; '' for one without, null for what is no RDB file or can't be read. */
export function rdbSaveId(path: string): string | null {
  return readingFrom(path, (file) => {
    const head = bytesAt(file, 0, HEAD)
    return versionIn(head) < 0 ? null : saveIdIn(head)
  })
}

/** What is wrong with the beginning or end of the RDB file at `path`, such as half of it written; null if nothing is. */
export function rdbFault(path: string): string | null {
  return readingFrom(path, (file) => {
    const { size } = fstatSync(file)
    const version = versionIn(bytesAt(file, 0, HEAD))
    if (version < 0) return 'Wrong signature trying to load DB from file'
    if (!isReadable(version)) return `Can't handle RDB format version ${version}`
    const end = size - (version >= CHECKSUM_SINCE ? CHECKSUM_BYTES : 0) - 1
    const whole = end >= MAGIC_BYTES && bytesAt(file, end, 1)[0] === OPCODE_EOF
    return whole ? null : `Unexpected EOF reading RDB file: ${size} bytes are not all of it`
  })
}

/** Null for a file that can't be opened or read. */
function readingFrom<T>(path: string, look: (file: number) => T): T | null {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return null
  }
  try {
    return look(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    return null
  } finally {
    closeSync(file)
  }
}

/** As many as there are. */
function bytesAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, position))
}

/** -1 for what is no RDB file. */
function versionIn(head: Buffer): number {
  const digits = /^(?:REDIS(\d{4})|VALKEY(\d{3}))/.exec(head.toString('latin1', 0, MAGIC_BYTES))
  return digits === null ? -1 : Number(digits[1] ?? digits[2])
}

function saveIdIn(head: Buffer): string {
  if (versionIn(head) < 0) return ''
  const input = new RdbInput()
  input.open(new Block(head), MAGIC_BYTES, head.length - MAGIC_BYTES)
  try {
    while (input.byte() === OPCODE_AUX) {
      const name = textOf(input)
      const value = textOf(input)
      if (name === SAVE_ID_REMARK && /^[0-9a-f]{40}$/.test(value)) return value
    }
  } catch (error) {
    // What comes after the remarks did not fit into what was read.
    if (!(error instanceof RdbError)) throw error
  }
  return ''
}

function textOf(input: RdbInput): string {
  input.string()
  const { stringBlock, stringOffset, stringLength } = input
  return stringBlock.bytes.toString('latin1', stringOffset, stringOffset + stringLength)
}
