// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.CommonClientConfigs;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A command that prints something of a broker's topics to standard output. */
abstract class PrintingCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ClientOptions client;

  abstract TopicPrinter shown();

  @Override
  public final Integer call() throws IOException {
    Map<String, Object> settings = new HashMap<>(client.settings());
    settings.putIfAbsent(CommonClientConfigs.DEFAULT_API_TIMEOUT_MS_CONFIG, "15000");
    try {
      // Not System.out: it swallows a broken pipe.
      return shown()
          .print(settings, new FileOutputStream(FileDescriptor.out), spec.commandLine().getErr());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }
}
