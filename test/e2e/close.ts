/** Closes what a file's beforeAll has opened. Where that has failed, the rest is not there, and what was opened still has to go. */
export async function close(...opened: readonly ({ close(): unknown } | undefined)[]): Promise<void> {
  for (const it of opened) await it?.close();
}
