/** A file that travels inside the binary. */
export interface PackedFile {
  /** Relative to its folder, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** What a compiled binary carries beside its code, as the build puts it in; run from sources there is nothing. */
export interface Packed {
  /** The ops page's browser script, bundled. */
  readonly script?: string;
  /** Path of librdkafka inside the binary. */
  readonly librdkafka?: string;
  /** The folder `grafana/`. */
  readonly grafana?: readonly PackedFile[];
  /** Abbreviated id of the commit that it was built from. */
  readonly commit?: string;
}
