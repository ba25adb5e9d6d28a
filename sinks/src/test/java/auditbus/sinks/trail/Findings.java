// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.sinks.manifest.Verification;
import java.util.ArrayList;
import java.util.List;

/** Keeps what a verification finds. */
final class Findings implements Verification.Report {
  final List<String> misfits = new ArrayList<>();
  final List<String> remarks = new ArrayList<>();

  @Override
  public void misfit(String file, String why) {
    misfits.add(file + ": " + why);
  }

  @Override
  public void remark(String file, String what) {
    remarks.add(file + ": " + what);
  }

  @Override
  public void source(String name, Verification.Totals of) {}
}
