// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Stands between client and broker and does to a connection what networks and broken hosts do: it
 * is refused, or taken and never answered. Thread-safe.
 */
final class StallingProxy implements AutoCloseable {
  private final int port;
  private final int target;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final AtomicLong accepted = new AtomicLong();
  private final Object gate = new Object();
  private boolean stalled;
  private ServerSocket listener;

  /** A proxy that listens at once. */
  StallingProxy(int port, int target) throws IOException {
    this.port = port;
    this.target = target;
    open();
  }

  /** Listens again after {@link #close}. */
  void open() throws IOException {
    ServerSocket opened = new ServerSocket();
    opened.setReuseAddress(true);
    opened.bind(new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    listener = opened;
    var _ = Thread.ofVirtual().start(() -> accept(opened));
  }

  /** Connections are taken and bytes kept, until {@link #flow}. */
  void stall() {
    synchronized (gate) {
      stalled = true;
    }
  }

  /** What was kept goes on its way. */
  void flow() {
    synchronized (gate) {
      stalled = false;
      gate.notifyAll();
    }
  }

  /** Connections taken so far. */
  long accepted() {
    return accepted.get();
  }

  /** Refuses connections and cuts those there are. */
  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }

  private void accept(ServerSocket from) {
    while (true) {
      try {
        Socket client = from.accept();
        accepted.incrementAndGet();
        sockets.add(client);
        var _ = Thread.ofVirtual().start(() -> serve(client));
      } catch (IOException e) {
        return; // closed
      }
    }
  }

  private void serve(Socket client) {
    try (client;
        Socket broker = new Socket(InetAddress.getLoopbackAddress(), target)) {
      sockets.add(broker);
      Thread back = Thread.ofVirtual().start(() -> pump(broker, client));
      pump(client, broker);
      back.join();
    } catch (IOException e) {
      // the broker is away: so is the connection
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
        synchronized (gate) {
          while (stalled) {
            gate.wait();
          }
        }
        out.write(buffer, 0, count);
      }
    } catch (IOException e) {
      // one side is gone: the other one is told below
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      closeQuietly(from);
      closeQuietly(to);
    }
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // it is as good as closed
    }
  }
}
