/**
 * Every directive of Redis 7.2's redis.conf and our own in one table, and the typed form of a whole configuration. The
 * rows themselves stand in the *-directives.ts files.
 */
import { datasetDirectives } from './dataset-directives.ts'
import type { Directive, ValueOf } from './directive.ts'
import { networkDirectives } from './network-directives.ts'
import { persistenceDirectives } from './persistence-directives.ts'
import { processDirectives } from './process-directives.ts'
import { replicationDirectives } from './replication-directives.ts'
import { respiteDirectives } from './respite-directives.ts'

/** The rows' types, by the directives' names. */
export type DirectiveTable = typeof networkDirectives &
  typeof processDirectives &
  typeof datasetDirectives &
  typeof persistenceDirectives &
  typeof replicationDirectives &
  typeof respiteDirectives

export type DirectiveName = keyof DirectiveTable

/** The type of every directive's value, by its name. */
export type DirectiveTypes = { readonly [Name in DirectiveName]: ValueOf<DirectiveTable[Name]> }

/** The rows by name, in the order CONFIG GET lists them. */
export const DIRECTIVES: Readonly<Record<DirectiveName, Directive>> = {
  ...networkDirectives,
  ...processDirectives,
  ...datasetDirectives,
  ...persistenceDirectives,
  ...replicationDirectives,
  ...respiteDirectives,
}

export const DIRECTIVE_NAMES: readonly DirectiveName[] = Object.keys(DIRECTIVES) as DirectiveName[]

/** What the file may say that Redis 7 itself accepts and ignores. */
export const RETIRED_DIRECTIVES: readonly string[] = [
  'list-max-ziplist-entries',
  'list-max-ziplist-value',
  'lua-replicate-commands',
]

const names = new Map<string, DirectiveName>()
for (const name of DIRECTIVE_NAMES) {
  names.set(name, name)
  const { alias } = DIRECTIVES[name]
  if (alias !== undefined) names.set(alias, name)
}

/** The directive called `text` in any case, by its name or its alias; undefined if there is none. */
export function findDirective(text: string): DirectiveName | undefined {
  return names.get(text.toLowerCase())
}
