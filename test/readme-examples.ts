/** The code blocks of README.md, for tests that run them as a reader would. */
import { readFileSync } from 'node:fs'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The one block of this language ("js", "sh") with `words` in it. Throws unless there is exactly one. */
export function exampleWith(language: string, words: string): string {
  const blocks = [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
  const found = blocks.filter(([, of, text]) => of === language && text.includes(words))
  if (found.length !== 1) throw new Error(`README has ${found.length} ${language} blocks with ${words}`)
  return found[0][2]
}
