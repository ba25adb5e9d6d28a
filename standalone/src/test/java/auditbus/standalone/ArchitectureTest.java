// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

final class ArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("auditbus.standalone");

  @Test
  void packages_haveNoCycles() {
    slices()
        .matching("auditbus.standalone.(*)..")
        .should()
        .beFreeOfCycles()
        .because("a package can be understood from what it imports")
        .check(CLASSES);
  }

  @Test
  void registry_knowsNothingOfThePackageThatAssembles() {
    noClasses()
        .that()
        .resideInAPackage("auditbus.standalone.registry")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "auditbus.standalone", "auditbus.agent..", "auditbus.streams..", "auditbus.sinks..")
        .because("it is a schema registry, whoever runs it")
        .check(CLASSES);
  }

  @Test
  void brokerInternals_areTouchedByTwoClasses() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName(EmbeddedKafka.class.getName())
        .and()
        .doNotHaveFullyQualifiedName(KafkaNode.class.getName())
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "kafka.server..",
            "org.apache.kafka.metadata..",
            "org.apache.kafka.raft..",
            "org.apache.kafka.server..")
        .because("they are no public API of Kafka and change with every release")
        .check(CLASSES);
  }

  @Test
  void assemblingPackage_hasFewDoors() {
    classes()
        .that()
        .resideInAPackage("auditbus.standalone")
        .and()
        .arePublic()
        .should()
        .haveSimpleName("Main")
        .orShould()
        .haveSimpleName("EmbeddedKafka")
        .because("nobody builds on the package that assembles, but for the broker in benchmarks")
        .check(CLASSES);
  }
}
