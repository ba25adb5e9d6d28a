// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

@Command(name = "events")
final class EventsOfData implements Callable<Integer> {
  @Override
  public Integer call() {
    return 2;
  }
}
