/**
 * The house rules as functions from a source tree (path below src/ → text) to the list of its faults.
 * tidy.test.ts runs them on the real tree, and each on a small tree that breaks it.
 */
import { posix } from 'node:path'
import { codeOf, importsOf } from './source-text.ts'

export type Tree = ReadonlyMap<string, string>

/** High to low. Folders on one row never import each other; '.' is src/ itself. */
const ROWS: readonly (readonly string[])[] = [
  ['.'],
  ['embedding'],
  ['server'],
  ['commands', 'network'],
  ['engine'],
  ['persistence'],
  ['keyspace'],
  ['protocol', 'values'],
  ['structures', 'config', 'platform'],
]

const ROOTS = ['index.ts', 'cli.ts']

export const MAX_FILE_LINES = 400
export const MAX_FUNCTION_LINES = 60

const folderOf = (path: string): string => (path.includes('/') ? path.split('/')[0] : '.')
const rowOf = (path: string): number => ROWS.findIndex((row) => row.includes(folderOf(path)))

/** The files of the tree that `path` imports. */
function* targets(tree: Tree, path: string, withTypes: boolean): Generator<string> {
  for (const { from, typeOnly } of importsOf(tree.get(path) ?? '')) {
    if (!from.startsWith('.') || (typeOnly && !withTypes)) continue
    yield posix.join(posix.dirname(path), from)
  }
}

/** A file imports from its own folder or a lower row, and only files that exist. */
export function layers(tree: Tree): string[] {
  const faults: string[] = []
  for (const path of tree.keys()) {
    if (rowOf(path) === -1) faults.push(`${path}: its folder is in no row`)
    for (const target of targets(tree, path, true)) {
      if (!tree.has(target)) faults.push(`${path} imports ${target}, which does not exist`)
      else if (folderOf(target) !== folderOf(path) && rowOf(target) <= rowOf(path)) {
        faults.push(`${path} imports ${target}: ${folderOf(target)}/ is not below ${folderOf(path)}/`)
      }
    }
  }
  return faults
}

/** No file reaches itself by imports; types don't count, they are gone once compiled. */
export function cycles(tree: Tree): string[] {
  const faults: string[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'open') faults.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    if (state.has(path)) return
    state.set(path, 'open')
    for (const target of targets(tree, path, false)) visit(target, [...trail, path])
    state.set(path, 'done')
  }
  for (const path of tree.keys()) visit(path, [])
  return faults
}

/** Every file can be reached from index.ts or cli.ts. */
export function deadFiles(tree: Tree): string[] {
  const roots = ROOTS.filter((root) => tree.has(root))
  if (roots.length === 0) return []
  const reached = new Set<string>()
  const visit = (path: string): void => {
    if (reached.has(path)) return
    reached.add(path)
    for (const target of targets(tree, path, true)) visit(target)
  }
  for (const root of roots) visit(root)
  return [...tree.keys()].filter((path) => !reached.has(path)).map((path) => `${path}: nothing imports it`)
}

/** Every file begins with a comment that says what it is for. */
export function headers(tree: Tree): string[] {
  return [...tree]
    .filter(([, text]) => !/^(?:#!.*\n)?\/\*\*\s+(?:\*\s+)?[A-Z].{15}/.test(text))
    .map(([path]) => `${path}: no header comment`)
}

/** No file is named after nothing in particular. */
export function names(tree: Tree): string[] {
  return [...tree.keys()]
    .filter((path) => /(?:^|[/-])(?:utils?|helpers?|common|core|misc)(?:\.ts$|[/-])/.test(path))
    .map((path) => `${path}: names nothing`)
}

/** No file has more than 400 lines. */
export function fileSizes(tree: Tree, allowed: Readonly<Record<string, string>> = {}): string[] {
  const long = [...tree]
    .map(([path, text]) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > MAX_FILE_LINES)
  const paths = new Set(long.map(({ path }) => path))
  return [
    ...long.filter(({ path }) => !(path in allowed)).map(({ path, lines }) => `${path}: ${lines} lines`),
    ...Object.keys(allowed)
      .filter((path) => !paths.has(path))
      .map((path) => `${path} needs no exception any more`),
  ]
}

/** Time, chance and the process are read in platform/ and cli.ts only, so that tests can supply them. */
export function ambient(tree: Tree): string[] {
  const banned =
    /(?<![.\w$])(?:Date|performance|setTimeout|setImmediate|setInterval|process)\b(?!\s*\??:)|\bMath\.random\b/g
  const modules = /^(?:node:)?(?:process|timers(?:\/promises)?|perf_hooks)$/
  const faults: string[] = []
  for (const [path, text] of tree) {
    if (path === 'cli.ts' || folderOf(path) === 'platform') continue
    for (const match of codeOf(text).matchAll(banned)) {
      faults.push(`${path}:${lineAt(text, match.index)}: ${match[0]}`)
    }
    for (const { from } of importsOf(text)) if (modules.test(from)) faults.push(`${path}: imports ${from}`)
  }
  return faults
}

/** The type `any` is used nowhere. */
export function noAny(tree: Tree): string[] {
  const faults: string[] = []
  for (const [path, text] of tree) {
    for (const match of codeOf(text).matchAll(/(?<![.\w$])any\b/g)) {
      faults.push(`${path}:${lineAt(text, match.index)}: any`)
    }
  }
  return faults
}

/** Every file a document names in backquotes exists: by its whole path, below src/, or as a name in src/. */
export function namedPaths(document: string, exists: (path: string) => boolean, tree: Tree): string[] {
  const named = [...document.matchAll(/`([\w.-]+(?:\/[\w.-]+)*(?:\.ts|\/))`/g)].map((match) => match[1])
  return named
    .filter((name) => {
      const inTree = [...tree.keys()].some((path) => path === name || path.endsWith(`/${name}`))
      return !inTree && !exists(name) && !exists(`src/${name}`)
    })
    .map((name) => `${name} is named but does not exist`)
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
