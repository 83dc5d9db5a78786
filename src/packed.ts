/** A file that travels inside the binary. */
export interface PackedFile {
  /** Relative to its folder, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** The programs of the embedded PostgreSQL inside the binary. */
export interface PackedServer {
  /** Path of the compressed archive. */
  readonly archive: string;
  /** As that of the npm package. */
  readonly version: string;
}

/** What a compiled binary carries beside its code, as the build puts it in; run from sources there is nothing. */
export interface Packed {
  /** Each page's browser script, bundled. */
  readonly script?: string;
  readonly autohealScript?: string;
  /** Path inside the binary of librdkafka. */
  readonly librdkafka?: string;
  /** The programs of PostgreSQL: path inside the binary of what `packServerFiles` made, and their version. */
  readonly postgres?: PackedServer;
  /** The folder `grafana/`. */
  readonly grafana?: readonly PackedFile[];
  /** Abbreviated id of the commit that it was built from. */
  readonly commit?: string;
}
