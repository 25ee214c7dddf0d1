/** The files an `include` line names: one path, or those a shell-style pattern matches. */
import { existsSync, readdirSync } from 'node:fs'
import { join, parse, resolve, sep } from 'node:path'

/** On Windows `\` separates directories and quotes nothing. */
const SEPARATOR = sep === '/' ? '/' : /[\\/]/

const isPattern = (text: string): boolean => /[*?[]/.test(text)

/** One component of a path as glob(7) reads it: `*`, `?`, `[a-c]`, `[!x]`, `\` quotes. */
function componentPattern(component: string): RegExp {
  let source = ''
  for (let at = 0; at < component.length; at++) {
    const char = component[at]
    const close = char === '[' ? component.indexOf(']', at + 2) : -1
    if (char === '*') source += '.*'
    else if (char === '?') source += '.'
    else if (close > 0) {
      const body = component
        .slice(at + 1, close)
        .replace(/^[!^]/, '')
        .replaceAll(/[\\\]^[]/g, '\\$&')
      source += `[${/^[!^]/.test(component.slice(at + 1)) ? '^' : ''}${body}]`
      at = close
    } else {
      if (char === '\\' && at + 1 < component.length) at++
      source += component[at].replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
    }
  }
  return new RegExp(`^${source}$`, 'su')
}

function namesIn(directory: string, pattern: string): string[] {
  const matcher = componentPattern(pattern)
  try {
    return readdirSync(directory)
      .filter((name) => matcher.test(name) && (pattern.startsWith('.') || !name.startsWith('.')))
      .sort()
  } catch {
    return []
  }
}

/**
 * Absolute paths in alphabetical order; a relative `path` starts from `directory`. A pattern that matches
 * nothing gives none, as in Redis, so that `include conf.d/*.conf` works before there is any.
 */
export function includePaths(path: string, directory: string): string[] {
  if (!isPattern(path)) return [resolve(directory, path)]
  const { root } = parse(path)
  const components = path
    .slice(root.length)
    .split(SEPARATOR)
    .filter((component) => component !== '')
  let found = [resolve(directory, root)]
  for (const component of components) {
    found = found.flatMap((base) =>
      isPattern(component)
        ? namesIn(base, component).map((name) => join(base, name))
        : [join(base, component)].filter((path) => existsSync(path)),
    )
  }
  return found
}
