/**
 * Reads a command's syntax line ("key element [element ...]") into the argument tree of Redis's
 * COMMAND DOCS, and the arity out of it. The line is the one place where a command's arguments are stated.
 */

export interface SyntaxNode {
  /** 'token' is a literal keyword; 'value' a placeholder; 'oneof' and 'block' have children. */
  readonly kind: 'token' | 'value' | 'oneof' | 'block'
  readonly text: string
  readonly optional: boolean
  readonly multiple: boolean
  readonly children: readonly SyntaxNode[]
}

/** The tree of `line`. Throws on a line that does not parse: a fault in a declaration, found at start. */
export function parseSyntax(line: string): SyntaxNode[] {
  const words = line.match(/\.\.\.|[[\]<>|]|[^\s[\]<>|]+/g) ?? []
  const reader = { words, at: 0 }
  const nodes = readSequence(reader)
  if (reader.at !== words.length) throw new Error(`syntax line does not parse: ${line}`)
  return mergeRepeats(nodes)
}

interface WordReader {
  readonly words: readonly string[]
  at: number
}

function readSequence(reader: WordReader): SyntaxNode[] {
  const alternatives: SyntaxNode[][] = [[]]
  for (; reader.at < reader.words.length; ) {
    const word = reader.words[reader.at]
    const current = alternatives.at(-1) as SyntaxNode[]
    if (word === ']' || word === '>') break
    reader.at++
    if (word === '|') alternatives.push([])
    else if (word === '[' || word === '<') current.push(readGroup(reader, word === '['))
    else if (word === '...')
      current.push({ kind: 'token', text: '...', optional: false, multiple: true, children: [] })
    else
      current.push({
        kind: /^[a-z]/.test(word) ? 'value' : 'token',
        text: word,
        optional: false,
        multiple: false,
        children: [],
      })
  }
  if (alternatives.length === 1) return alternatives[0]
  return [oneOf(alternatives)]
}

/** "A | B [A | B ...]" is one choice that repeats; the repetition stands at the end of the last alternative. */
function oneOf(alternatives: SyntaxNode[][]): SyntaxNode {
  const last = alternatives.at(-1) as SyntaxNode[]
  const end = last.at(-1)
  const repeated = end !== undefined && (end.text === '...' || (end.optional && end.multiple))
  const cut = repeated ? [...alternatives.slice(0, -1), last.slice(0, -1)] : alternatives
  const children = cut.map((nodes) => asOne(mergeRepeats(nodes)))
  const again = end?.text === '...' || JSON.stringify(end?.children) === JSON.stringify(children)
  if (repeated && !again) return oneOf([...alternatives.slice(0, -1), [asOne(mergeRepeats(last))]])
  return { kind: 'oneof', text: '', optional: false, multiple: repeated, children }
}

function readGroup(reader: WordReader, optional: boolean): SyntaxNode {
  const inner = readSequence(reader)
  const closing = reader.words[reader.at++]
  if (closing !== (optional ? ']' : '>')) throw new Error('unbalanced brackets in a syntax line')
  const repeated = inner.at(-1)?.text === '...'
  const nodes = mergeRepeats(repeated ? inner.slice(0, -1) : inner)
  const node = asOne(nodes)
  return { ...node, optional, multiple: repeated || node.multiple }
}

function asOne(nodes: readonly SyntaxNode[]): SyntaxNode {
  if (nodes.length === 1) return nodes[0]
  return { kind: 'block', text: '', optional: false, multiple: false, children: nodes }
}

/** "key [key ...]" is one argument that repeats, and so is "key value [key value ...]". */
function mergeRepeats(nodes: readonly SyntaxNode[]): SyntaxNode[] {
  const merged: SyntaxNode[] = []
  for (const node of nodes) {
    const size = node.kind === 'block' ? node.children.length : 1
    if (node.optional && node.multiple && merged.length >= size) {
      const before = merged.slice(-size)
      const same =
        size === 1
          ? before[0]?.text === node.text && node.text !== ''
          : before.every((n, i) => n.text === node.children[i]?.text)
      if (same) {
        merged.splice(-size, size, { ...asOne(before), multiple: true })
        continue
      }
    }
    merged.push(node)
  }
  return merged
}

/**
 * Redis's arity: the number of arguments, `names` words of command name included; negative when more may
 * follow. A container takes any subcommand, so at least one word more.
 */
export function arityOf(line: string, names: number, container: boolean): number {
  if (container) return -2
  let least = names
  let exact = true
  const count = (node: SyntaxNode): number => {
    if (node.optional || node.multiple) exact = false
    if (node.optional) return 0
    if (node.kind === 'block') return node.children.reduce((sum, child) => sum + count(child), 0)
    if (node.kind !== 'oneof') return 1
    const sizes = node.children.map(count)
    const smallest = Math.min(...sizes)
    if (sizes.some((size) => size !== smallest)) exact = false
    return smallest
  }
  for (const node of parseSyntax(line)) least += count(node)
  return exact ? least : -least
}
