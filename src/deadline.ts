/**
 * Waits for a promise, but not for ever. The promise itself goes on.
 * @returns its value, or "late" when `ms` milliseconds passed before
 */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | "late"> {
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
