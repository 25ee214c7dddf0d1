/**
 * Turns the words of a directive into its typed value and the text CONFIG GET shows, with Redis's error
 * texts. It decides neither who may change a directive nor whether it is supported (see configuration.ts).
 */
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { BufferLimit, BufferLimits, Directive, Limit, SavePoint } from './directive.ts'
import {
  InvalidValue,
  LONG_MAX,
  parseInteger,
  parseMemory,
  parseMemoryOrPercent,
  parseOctal,
  ULONG_MAX,
} from './numbers.ts'
import { reasonOf } from './system-errors.ts'

/** A value in the form of its row's type, and as CONFIG GET prints it. */
export interface ParsedValue {
  readonly value: unknown
  readonly text: string
}

/** What some types build on: the value so far, and the directory relative paths start from. */
export interface ParseContext {
  readonly name: string
  readonly current: unknown
  /** A further `save` line adds to the earlier ones of the same file. */
  readonly append: boolean
  readonly directory: string
}

const BIND_MAX = 16
const TITLE_VARIABLES = new Set([
  'title',
  'listen-addr',
  'server-mode',
  'port',
  'tls-port',
  'unixsocket',
  'config-file',
])

/** Whether rows of this type take any number of words; the others take exactly one. */
function takesWords(row: Directive): boolean {
  switch (row.type) {
    case 'addresses':
    case 'host-and-port':
    case 'save-points':
    case 'buffer-limits':
    case 'percentiles':
    case 'oom-scores':
    case 'flags':
      return true
    default:
      return false
  }
}

/** The words of a value given as one text, as CONFIG SET gives it: split at every single space. */
export function wordsOf(row: Directive, text: string): string[] {
  if (!takesWords(row)) return [text]
  return text === '' ? [] : text.split(' ')
}

/** The value that `words` give the directive; throws InvalidValue with the reason Redis states. */
export function parseDirective(row: Directive, words: readonly string[], context: ParseContext): ParsedValue {
  if (takesWords(row)) {
    return parseWords(row, words.length === 1 ? wordsOf(row, words[0]) : words, context)
  }
  if (words.length !== 1) throw new InvalidValue('wrong number of arguments')
  return parseWord(row, words[0], context)
}

function parseWord(row: Directive, text: string, context: ParseContext): ParsedValue {
  switch (row.type) {
    case 'boolean':
      return parseBoolean(text)
    case 'integer':
    case 'octal':
    case 'memory':
    case 'memory-or-percent':
      return parseNumber(row, text)
    case 'enum': {
      const value = row.values.find((choice) => choice === text.toLowerCase())
      if (value === undefined) throw new InvalidValue(oneOf(row.values))
      return { value, text: value }
    }
    case 'directory': {
      const path = resolve(context.directory, text)
      checkDirectory(path)
      return { value: path, text: path }
    }
    case 'file-name':
      if (basename(text) !== text) {
        const what = context.name.endsWith('dirname') ? 'dirname' : 'filename'
        throw new InvalidValue(`${context.name} can't be a path, just a ${what}`)
      }
      return { value: text, text }
    case 'title-template':
      checkTitleTemplate(text)
      return { value: text, text }
    case 'event-classes':
      return parseEventClasses(text)
    default:
      return { value: text, text }
  }
}

function parseWords(row: Directive, words: readonly string[], context: ParseContext): ParsedValue {
  switch (row.type) {
    case 'flags':
      return parseFlags(row.values, words)
    case 'addresses': {
      const addresses = words.filter((word) => word !== '')
      if (addresses.length > BIND_MAX) throw new InvalidValue('Too many bind addresses specified.')
      return { value: addresses, text: addresses.join(' ') }
    }
    case 'host-and-port':
      return parseHostAndPort(words)
    case 'save-points':
      return parseSavePoints(words, context)
    case 'buffer-limits':
      return parseBufferLimits(words, context.current as BufferLimits)
    case 'percentiles':
      return parsePercentiles(words)
    default:
      return parseOomScores(words)
  }
}

function oneOf(values: readonly string[]): string {
  return `argument(s) must be one of the following: ${values.join(', ')}`
}

function parseBoolean(text: string): ParsedValue {
  const value = text.toLowerCase()
  if (value !== 'yes' && value !== 'no') throw new InvalidValue("argument must be 'yes' or 'no'")
  return { value: value === 'yes', text: value }
}

type NumberRow = Extract<Directive, { type: 'integer' | 'octal' | 'memory' | 'memory-or-percent' }>

function limitOf(limit: Limit): bigint {
  if (typeof limit === 'number') return BigInt(limit)
  if (limit === 'uint') return 2n ** 32n - 1n
  return limit === 'long' ? LONG_MAX : ULONG_MAX
}

function numberIn(row: NumberRow, text: string): bigint {
  if (row.type === 'integer') return parseInteger(text)
  if (row.type === 'octal') return parseOctal(text)
  if (row.type === 'memory-or-percent') return parseMemoryOrPercent(text)
  const bytes = parseMemory(text)
  if (bytes === null) throw new InvalidValue('argument must be a memory value')
  return bytes
}

// The text is printed from the exact number: beyond 2^53 the value itself is only near it.
function parseNumber(row: NumberRow, text: string): ParsedValue {
  const exact = numberIn(row, text)
  if (row.type === 'memory-or-percent' && exact < 0n) return { value: Number(exact), text: `${-exact}%` }
  const print = (number: bigint): string => number.toString(row.type === 'octal' ? 8 : 10)
  const min = BigInt(row.min ?? 0)
  const max = limitOf(row.max ?? (row.type === 'memory' ? 'long' : 2 ** 31 - 1))
  if (exact < min || exact > max) {
    throw new InvalidValue(`argument must be between ${print(min)} and ${print(max)} inclusive`)
  }
  if (row.clamp === undefined) return { value: Number(exact), text: print(exact) }
  const clamped = Math.min(Math.max(Number(exact), row.clamp[0]), row.clamp[1])
  return { value: clamped, text: String(clamped) }
}

function parseFlags(choices: readonly string[], words: readonly string[]): ParsedValue {
  const given = words.map((word) => word.toLowerCase())
  if (given.length === 0 || given.some((word) => !choices.includes(word)))
    throw new InvalidValue(oneOf(choices))
  const value = choices.filter((choice) => choice !== 'default' && given.includes(choice))
  if (value.includes('save') && value.includes('nosave')) {
    throw new InvalidValue("shutdown options SAVE and NOSAVE can't be used simultaneously")
  }
  if (value.length === 0) value.push('default')
  return { value, text: value.join(' ') }
}

function checkDirectory(path: string): void {
  let isDirectory: boolean
  try {
    isDirectory = statSync(path).isDirectory()
  } catch (error) {
    throw new InvalidValue(reasonOf(error), { cause: error })
  }
  if (!isDirectory) throw new InvalidValue('Not a directory')
}

/** `{name}` stands for a variable and `{{` for a brace. */
function checkTitleTemplate(template: string): void {
  const rest = template
    .replaceAll('{{', '')
    .replaceAll(/\{([^{}]*)\}/g, (_, name: string) => (TITLE_VARIABLES.has(name) ? ' ' : '{'))
  if (template === '' || rest.includes('{')) {
    throw new InvalidValue('template format is invalid or contains unknown variables')
  }
}

/** The value is every letter that is on, A spelled out; the text says A for the ordinary ones together. */
function parseEventClasses(text: string): ParsedValue {
  if (/[^Ag$lshzxeKEtmdn]/.test(text)) {
    throw new InvalidValue("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
  }
  const has = new Set(text.includes('A') ? `${text}g$lshzxetd` : text)
  const pick = (classes: string): string =>
    classes.replaceAll(/./g, (letter) => (has.has(letter) ? letter : ''))
  const ordinary = pick('g$lshzxetd')
  // Redis does not print n beside A although the class stays on.
  const printed = (ordinary === 'g$lshzxetd' ? 'A' : ordinary + pick('n')) + pick('KEm')
  return { value: pick('g$lshzxetdnKEm'), text: printed }
}

function parseHostAndPort(words: readonly string[]): ParsedValue {
  if (words.length === 0) return { value: [], text: '' }
  if (words.length !== 2) throw new InvalidValue('wrong number of arguments')
  const text = words.join(' ')
  if (text.toLowerCase() === 'no one') return { value: [], text: '' }
  if (!/^\d{1,5}$/.test(words[1]) || Number(words[1]) > 65535) {
    throw new InvalidValue('Invalid master port')
  }
  return { value: words, text }
}

function parseSavePoints(words: readonly string[], { current, append }: ParseContext): ParsedValue {
  if (words.length % 2 !== 0) throw new InvalidValue('Invalid save parameters')
  const points: SavePoint[] = append && words.length > 0 ? [...(current as SavePoint[])] : []
  for (let index = 0; index < words.length; index += 2) {
    const pair = [words[index], words[index + 1]] as [string, string]
    if (!pair.every((word) => /^\d{1,15}$/.test(word)) || Number(pair[0]) < 1) {
      throw new InvalidValue('Invalid save parameters')
    }
    points.push({ seconds: Number(pair[0]), changes: Number(pair[1]) })
  }
  return { value: points, text: points.map((point) => `${point.seconds} ${point.changes}`).join(' ') }
}

/** Changes the classes named and leaves the others as they are. */
function parseBufferLimits(words: readonly string[], current: BufferLimits | undefined): ParsedValue {
  if (words.length % 4 !== 0) {
    throw new InvalidValue('Wrong number of arguments in buffer limit configuration.')
  }
  const none: BufferLimit = { hardBytes: 0, softBytes: 0, softSeconds: 0 }
  const limits = { normal: none, replica: none, pubsub: none, ...current }
  for (let index = 0; index < words.length; index += 4) {
    const [name, hard, soft, seconds] = words.slice(index, index + 4) as [string, string, string, string]
    const given = name.toLowerCase()
    const client = given === 'slave' ? 'replica' : given
    if (client !== 'normal' && client !== 'replica' && client !== 'pubsub') {
      throw new InvalidValue('Invalid client class specified in buffer limit configuration.')
    }
    const hardBytes = parseMemory(hard)
    const softBytes = parseMemory(soft)
    if (hardBytes === null || softBytes === null || !/^\d{1,15}$/.test(seconds)) {
      throw new InvalidValue('Error in hard, soft or soft_seconds setting in buffer limit configuration.')
    }
    limits[client] = {
      hardBytes: Number(hardBytes),
      softBytes: Number(softBytes),
      softSeconds: Number(seconds),
    }
  }
  // Redis still prints the old name of replicas here.
  const text = [
    bufferLimitText('normal', limits.normal),
    bufferLimitText('slave', limits.replica),
    bufferLimitText('pubsub', limits.pubsub),
  ].join(' ')
  return { value: limits, text }
}

function bufferLimitText(name: string, limit: BufferLimit): string {
  return `${name} ${limit.hardBytes} ${limit.softBytes} ${limit.softSeconds}`
}

function parsePercentiles(words: readonly string[]): ParsedValue {
  const value = words.map((word) => (word.trim() === '' ? Number.NaN : Number(word)))
  if (value.some((number) => Number.isNaN(number))) {
    throw new InvalidValue('Invalid latency-tracking-info-percentiles parameters')
  }
  if (value.some((number) => number < 0 || number > 100)) {
    throw new InvalidValue('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]')
  }
  return { value, text: value.join(' ') }
}

function parseOomScores(words: readonly string[]): ParsedValue {
  if (words.length !== 3) throw new InvalidValue('wrong number of arguments')
  const value = words.map((word) => (/^-?\d{1,4}$/.test(word) ? Number(word) : Number.NaN))
  if (!value.every((score) => Math.abs(score) <= 2000)) {
    throw new InvalidValue('Invalid oom-score-adj-values, elements must be between -2000 and 2000.')
  }
  return { value, text: value.join(' ') }
}
