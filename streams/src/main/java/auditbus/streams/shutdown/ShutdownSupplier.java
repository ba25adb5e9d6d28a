// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.ShutdownAttribution;
import java.util.Set;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Makes the job's processors and their store. Thread-safe: immutable. */
final class ShutdownSupplier
    implements ProcessorSupplier<byte[], AuditEvent, String, ShutdownAttribution> {
  static final String STORE = "hosts";

  private final AbstractConfig settings;

  ShutdownSupplier(AbstractConfig settings) {
    this.settings = settings;
  }

  @Override
  public Processor<byte[], AuditEvent, String, ShutdownAttribution> get() {
    return new ShutdownProcessor(settings);
  }

  @Override
  public Set<StoreBuilder<?>> stores() {
    return Set.of(
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray())
            .withCachingEnabled());
  }
}
