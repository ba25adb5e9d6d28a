// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;

/** Ports of the loopback interface. */
final class Ports {
  private Ports() {}

  /** A port nobody listened on a moment ago. */
  static int free() throws IOException {
    try (ServerSocket socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      return socket.getLocalPort();
    }
  }

  /**
   * The port to listen on.
   *
   * @param wanted 1 to 65535, or 0 for any that is free
   * @param option the option that sets it, for the message
   * @throws StartException if somebody listens there, or this process may not
   */
  static int choose(int wanted, String option, String what) throws IOException {
    if (wanted == 0) {
      return free();
    }
    if (wanted < 0 || wanted > 65535) {
      throw new StartException(option + " must be 0 to 65535, found " + wanted);
    }
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), wanted));
      return wanted;
    } catch (IOException e) {
      throw new StartException(
          "port "
              + wanted
              + " for "
              + what
              + " cannot be used ("
              + e.getMessage()
              + "): give another with "
              + option
              + " N, 0 for any free one",
          e);
    }
  }
}
