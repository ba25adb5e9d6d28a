// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A network between clients and one server, as good or bad as it is told. Thread-safe. */
final class Proxy implements AutoCloseable {
  private static final Duration LOOK = Duration.ofMillis(20);
  private static final Duration SLOW = Duration.ofMillis(150);

  /** What becomes of connections and their bytes. */
  enum Mode {
    PASS,
    REFUSE,
    BLACK_HOLE,
    SLOW
  }

  private final int target;
  private final ServerSocket listener;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private volatile Mode mode = Mode.PASS;

  /** Listens at once, on a free port of the loopback interface. */
  Proxy(int target) throws IOException {
    this.target = target;
    listener = new ServerSocket();
    listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    var _ = Thread.ofVirtual().start(this::accept);
  }

  int port() {
    return listener.getLocalPort();
  }

  /** Whether bytes pass as they should. */
  boolean passes() {
    return mode == Mode.PASS;
  }

  /** From now on; refusing cuts the connections there are. */
  void set(Mode wanted) {
    mode = wanted;
    if (wanted == Mode.REFUSE) {
      cut();
    }
  }

  /** Cuts every connection there is. */
  void cut() {
    sockets.forEach(Proxy::close);
  }

  @Override
  public void close() throws IOException {
    listener.close();
    cut();
  }

  private void accept() {
    while (true) {
      try {
        Socket client = listener.accept();
        if (mode == Mode.REFUSE) {
          client.setSoLinger(true, 0); // a reset, as near to a refusal as an open port gets
          client.close();
        } else {
          var _ = Thread.ofVirtual().start(() -> serve(client));
        }
      } catch (IOException e) {
        if (listener.isClosed()) {
          return;
        }
      }
    }
  }

  private void serve(Socket client) {
    try (client;
        Socket server = new Socket(InetAddress.getLoopbackAddress(), target)) {
      client.setTcpNoDelay(true);
      server.setTcpNoDelay(true);
      sockets.add(client);
      sockets.add(server);
      Thread back = Thread.ofVirtual().start(() -> pump(server, client));
      pump(client, server);
      back.join();
      sockets.remove(server);
    } catch (IOException e) {
      // the server is away: so is the connection
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      sockets.remove(client);
    }
  }

  private void pump(Socket from, Socket to) {
    byte[] buffer = new byte[64 * 1024];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        if (mode == Mode.SLOW) {
          Thread.sleep(SLOW);
        }
        while (mode == Mode.BLACK_HOLE && !from.isClosed()) {
          Thread.sleep(LOOK);
        }
        out.write(buffer, 0, count);
      }
    } catch (IOException e) {
      // one side is gone: the other one is told below
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      close(from);
      close(to);
    }
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // it is as good as closed
    }
  }
}
