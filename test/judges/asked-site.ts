/** A site that answers. */
export interface AskedSite {
  readonly domain: string;
  /** Of the host that is asked. */
  readonly address: string;
  /** @default 443 */
  readonly port?: number;
}
