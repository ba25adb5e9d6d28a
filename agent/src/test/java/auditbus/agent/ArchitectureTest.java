// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;

/** Imports between the agent's packages go one way. */
class ArchitectureTest {
  private static final JavaClasses AGENT =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("auditbus.agent");

  @Test
  void event_importsNothingOfOursButSchemas() {
    check(
        classes()
            .that()
            .resideInAPackage("auditbus.agent.event")
            .should()
            .onlyDependOnClassesThat(inOurs("auditbus.agent.event", "auditbus.schemas"))
            .because("it is what decoders, readers and publisher have in common"));
  }

  @Test
  void auparse_importsOnlyEventAndSchemas() {
    check(
        classes()
            .that()
            .resideInAPackage("auditbus.agent.auparse")
            .should()
            .onlyDependOnClassesThat(
                inOurs("auditbus.agent.auparse", "auditbus.agent.event", "auditbus.schemas"))
            .because("a decoder knows bytes and events, not where they come from or go"));
  }

  @Test
  void bsm_importsOnlyEventAndSchemas() {
    check(
        classes()
            .that()
            .resideInAPackage("auditbus.agent.bsm")
            .should()
            .onlyDependOnClassesThat(
                inOurs("auditbus.agent.bsm", "auditbus.agent.event", "auditbus.schemas"))
            .because("a decoder knows bytes and events, not where they come from or go"));
  }

  @Test
  void trail_importsOnlyEventAndSchemas() {
    check(
        classes()
            .that()
            .resideInAPackage("auditbus.agent.trail")
            .should()
            .onlyDependOnClassesThat(
                inOurs("auditbus.agent.trail", "auditbus.agent.event", "auditbus.schemas"))
            .because("every rule about trail files holds whatever is in them"));
  }

  @Test
  void capture_importsOnlyNetlinkTrailEventAndSchemas() {
    check(
        classes()
            .that()
            .resideInAPackage("auditbus.agent.capture")
            .should()
            .onlyDependOnClassesThat(
                inOurs(
                    "auditbus.agent.capture",
                    "auditbus.agent.netlink",
                    "auditbus.agent.trail",
                    "auditbus.agent.event",
                    "auditbus.schemas"))
            .because("it moves bytes from the kernel into trails and knows no decoder or broker"));
  }

  @Test
  void dump_importsOnlyDecodersEventAndSchemas() {
    check(
        classes()
            .that()
            .resideInAPackage("auditbus.agent.dump")
            .should()
            .onlyDependOnClassesThat(
                inOurs(
                    "auditbus.agent.dump",
                    "auditbus.agent.auparse",
                    "auditbus.agent.bsm",
                    "auditbus.agent.event",
                    "auditbus.schemas"))
            .because("it prints what a decoder makes of a trail and needs no broker for that"));
  }

  @Test
  void publish_importsNoDecoder() {
    check(
        noClasses()
            .that()
            .resideInAPackage("auditbus.agent.publish")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                "auditbus.agent.auparse", "auditbus.agent.bsm", "auditbus.agent.netlink")
            .because("it sends events, whatever they were decoded from"));
  }

  @Test
  void nobody_importsThePackageThatAssembles() {
    check(
        noClasses()
            .that()
            .resideOutsideOfPackage("auditbus.agent")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("auditbus.agent")
            .because(
                "auditbus.agent puts the parts together; a part that knew it would be no part"));
  }

  @Test
  void netlink_importsOnlyEvent() {
    check(
        classes()
            .that()
            .resideInAPackage("auditbus.agent.netlink")
            .should()
            .onlyDependOnClassesThat(inOurs("auditbus.agent.netlink", "auditbus.agent.event"))
            .because("the kernel's door opens before anything else is loaded"));
  }

  @Test
  void nativeCalls_areOnlyInLibC() {
    check(
        noClasses()
            .that()
            .doNotHaveFullyQualifiedName("auditbus.agent.netlink.LibC")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("java.lang.foreign")
            .because("memory outside the JVM's guard is touched in one place only"));
  }

  @Test
  void packages_haveNoCycles() {
    check(
        slices()
            .matching("auditbus.agent.(*)..")
            .should()
            .beFreeOfCycles()
            .because("what goes round cannot be read or replaced apart"));
  }

  private static DescribedPredicate<JavaClass> inOurs(String... packages) {
    return JavaClass.Predicates.resideInAnyPackage(packages)
        .or(JavaClass.Predicates.resideOutsideOfPackage("auditbus.."));
  }

  private static void check(ArchRule rule) {
    rule.allowEmptyShould(true).check(AGENT);
  }
}
