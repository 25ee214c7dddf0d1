/** What went wrong in a call to the operating system, in the words strerror has for it. */
import { getSystemErrorMap } from 'node:util'

/** Such as "No such file or directory"; the error's own message when it has no system error number. */
export function reasonOf(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException
  const description = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]
  if (description === undefined) return message
  return description.charAt(0).toUpperCase() + description.slice(1)
}
