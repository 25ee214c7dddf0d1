/** Reads TypeScript as text for the house rules: what is code, what is comment or string, what is imported. */

export interface Import {
  readonly from: string
  /** `import type`, `export type … from`: gone once compiled. */
  readonly typeOnly: boolean
}

/** Every import, re-export and import() of the source. */
export function importsOf(source: string): Import[] {
  const code = blank(source, false)
  const found: Import[] = []
  const statement =
    /^\s*(?:import|export)\b(\s+type\b(?!\s*,|\s+from))?(?:[^'"`;]*?\bfrom)?\s*['"]([^'"]+)['"]/gm
  for (const match of code.matchAll(statement)) {
    found.push({ from: match[2], typeOnly: match[1] !== undefined })
  }
  for (const match of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)) {
    found.push({ from: match[1], typeOnly: false })
  }
  return found
}

/** The source with comments, and the text of strings and regular expressions, turned to blanks. */
export function codeOf(source: string): string {
  return blank(source, true)
}

/**
 * Walks the source once. A slash starts a regular expression where no value can have ended before it: after
 * an operator, an opening bracket or one of a few keywords. Code inside `${…}` stays code.
 */
function blank(source: string, strings: boolean): string {
  const out = source.split('')
  const hide = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  /** Depths of braces at which a template literal resumes. */
  const templates: number[] = []
  let depth = 0
  let lastCode = ''
  for (let at = 0; at < source.length; ) {
    const char = source[at]
    const next = source[at + 1]
    let end = at + 1
    if (char === '/' && (next === '/' || next === '*')) {
      const stop = next === '/' ? source.indexOf('\n', at) : source.indexOf('*/', at) + 2
      end = stop <= 1 ? source.length : stop
      hide(at, end)
      at = end
      continue
    }
    const resumes = char === '}' && templates.at(-1) === depth
    if (char === "'" || char === '"') end = quoteEnd(source, at)
    else if (char === '`' || resumes) {
      if (resumes) templates.pop()
      end = templateEnd(source, at)
      if (source[end - 1] === '{') templates.push(depth)
    } else if (char === '/' && startsRegExp(lastCode)) end = regExpEnd(source, at)
    else if (char === '{') depth++
    else if (char === '}') depth--
    if (end > at + 1 && strings) hide(at + 1, end - 1)
    if (char.trim() !== '') lastCode = end > at + 1 ? 'x' : `${lastCode.slice(-12)}${char}`
    else if (lastCode.trim() === lastCode) lastCode += ' '
    at = end
  }
  return out.join('')
}

function startsRegExp(before: string): boolean {
  const text = before.trimEnd()
  return text === '' || /[([{,;:=!&|?+*%~^<>-]$/.test(text) || /\b(?:return|typeof|case|of|in)$/.test(text)
}

function quoteEnd(source: string, at: number): number {
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === source[at] || source[i] === '\n') return i + 1
  }
  return source.length
}

/** After the closing backtick, or after the `${` that interrupts the template. */
function templateEnd(source: string, at: number): number {
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === '`') return i + 1
    else if (source[i] === '$' && source[i + 1] === '{') return i + 2
  }
  return source.length
}

function regExpEnd(source: string, at: number): number {
  let inClass = false
  for (let i = at + 1; i < source.length && source[i] !== '\n'; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === '[') inClass = true
    else if (source[i] === ']') inClass = false
    else if (source[i] === '/' && !inClass) return i + 1
  }
  return at + 1
}
