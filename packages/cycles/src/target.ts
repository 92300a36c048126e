/**
 * Which server and principal a settlement belongs to: it is never sent to another. The tenant, not the key, so that a
 * rotated key finds what waits (client recovery profile §"Durable").
 */
export function targetOf(baseUrl: string, tenant: string | undefined): string {
  return tenant === undefined ? baseUrl : `${baseUrl}#tenant=${tenant}`;
}
