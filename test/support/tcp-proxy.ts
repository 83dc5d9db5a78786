import type { Socket, TCPSocketListener } from "bun";

interface Peer {
  other: Socket<Peer> | undefined;
  /** What could not be handed on yet. */
  pending: Buffer[];
}

/** A network between a client and a server that a test can break: it resets connections, or swallows what they carry. */
export class TcpProxy {
  /** Connections accepted so far. */
  accepted = 0;
  readonly #listener: TCPSocketListener<Peer>;
  readonly #sockets = new Set<Socket<Peer>>();
  #isSilent = false;
  #isRefusing = false;

  /**
   * @param target postgres:// URL of the server behind
   * @param host address to listen on, an IPv6 one in brackets as URLs have it
   */
  constructor(
    private readonly target: string,
    private readonly host = "127.0.0.1",
  ) {
    const { hostname, port } = new URL(target);
    this.#listener = Bun.listen<Peer>({
      hostname: host.replace(/^\[|\]$/g, ""),
      port: 0,
      data: { other: undefined, pending: [] },
      socket: {
        ...this.#handlers(),
        open: (client) => {
          this.accepted++;
          client.data = { other: undefined, pending: [] };
          if (this.#isRefusing) {
            client.end();
            return;
          }
          this.#sockets.add(client);
          void Bun.connect<Peer>({
            hostname,
            port: Number(port),
            data: { other: client, pending: client.data.pending },
            socket: {
              ...this.#handlers(),
              open: (server) => {
                this.#sockets.add(server);
                const early = client.data.pending;
                server.data = { other: client, pending: [] };
                client.data = { other: server, pending: [] };
                for (const bytes of early) send(server, bytes);
              },
            },
          });
        },
      },
    });
  }

  /** The server's URL, by way of this proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = this.host;
    url.port = String(this.#listener.port);
    return url.href;
  }

  /** Every connection is cut off hard: its client sees ECONNRESET. */
  reset(): void {
    for (const socket of this.#sockets) socket.terminate();
    this.#sockets.clear();
  }

  /** From now on nothing arrives any more, in either direction, and nobody is told. */
  silence(): void {
    this.#isSilent = true;
  }

  /** From now on connections are accepted and closed at once, as a balancer does that has no server. */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** Ends what `refuse` began. */
  admit(): void {
    this.#isRefusing = false;
  }

  stop(): void {
    this.reset();
    this.#listener.stop(true);
  }

  #handlers() {
    return {
      data: (socket: Socket<Peer>, bytes: Buffer) => {
        if (this.#isSilent) return;
        // The chunk is Bun's own buffer, and used again.
        const copy = Buffer.from(bytes);
        if (socket.data.other === undefined) socket.data.pending.push(copy);
        else send(socket.data.other, copy);
      },
      drain: (socket: Socket<Peer>) => {
        const waiting = socket.data.pending.splice(0);
        for (const bytes of waiting) send(socket, bytes);
      },
      close: (socket: Socket<Peer>) => {
        this.#sockets.delete(socket);
        if (!this.#isSilent) socket.data.other?.end();
      },
      error: () => {},
    };
  }
}

function send(socket: Socket<Peer>, bytes: Buffer): void {
  const written = socket.data.pending.length > 0 ? 0 : Math.max(0, socket.write(bytes));
  if (written < bytes.length) socket.data.pending.push(bytes.subarray(written));
}
