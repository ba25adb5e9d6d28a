// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.standalone.registry.EmbeddedRegistry;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Map;

/** The schema registry as a process: {@code RegistryProcess BOOTSTRAP PORT}. */
public final class RegistryProcess {
  private RegistryProcess() {}

  /** Runs until it is ended; ends with an error where the broker is away. */
  public static void main(String[] args) throws Exception {
    EmbeddedRegistry registry =
        EmbeddedRegistry.open(
            Map.of("bootstrap.servers", args[0]),
            new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[1])));
    System.out.println("ready at " + registry.uri());
    Thread.currentThread().join();
  }
}
