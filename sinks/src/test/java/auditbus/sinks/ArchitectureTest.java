// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("auditbus.sinks");

  @Test
  void sinks_dependOnTheContractAlone() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("auditbus.agent..", "auditbus.streams..", "auditbus.standalone..")
        .because("modules meet in the topics, not in code")
        .check(CLASSES);
  }

  @Test
  void sinks_haveNoPackageCycles() {
    SlicesRuleDefinition.slices()
        .matching("auditbus.sinks.(*)..")
        .should()
        .beFreeOfCycles()
        .because("imports go one way")
        .check(CLASSES);
  }

  @Test
  void trail_opensTwoDoorsOnly() {
    classes()
        .that()
        .areTopLevelClasses()
        .and()
        .resideInAPackage("auditbus.sinks.trail")
        .and()
        .doNotHaveSimpleName("TrailSinkConnector")
        .and()
        .doNotHaveSimpleName("TrailSinkTask")
        .should()
        .notBePublic()
        .because("the worker needs the connector and the task, nobody needs more")
        .check(CLASSES);
  }

  @Test
  void manifest_knowsNothingOfItsWriter() {
    noClasses()
        .that()
        .resideInAPackage("auditbus.sinks.manifest")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("auditbus.sinks.trail", "org.apache.kafka..")
        .because("what proves a tree must not rest on what wrote it, nor need a broker")
        .check(CLASSES);
  }

  @Test
  void sinks_areFinal() {
    classes()
        .that()
        .areNotInterfaces()
        .and()
        .areTopLevelClasses()
        .should()
        .haveModifier(JavaModifier.FINAL)
        .because("nothing here is made to be extended")
        .check(CLASSES);
  }

  @Test
  void sinks_useNoWorkerInternals() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.apache.kafka.connect.runtime..", "org.apache.kafka.server..")
        .because("a plugin sees the Connect API alone")
        .check(CLASSES);
  }
}
