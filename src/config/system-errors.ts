/** What went wrong in a call to the operating system, in the words strerror has for it. */
import { getSystemErrorMap } from 'node:util'

/** Such as "No such file or directory"; the error's own message when it has no system error number. */
export function reasonOf(error: unknown): string {
  const { errno, code, message } = error as NodeJS.ErrnoException
  const description = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]
  if (description === undefined) return message
  if (code === 'EISDIR') return 'Is a directory'
  return description.charAt(0).toUpperCase() + description.slice(1)
}
