// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Gap;
import java.util.Set;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Makes the job's processors and their store. Thread-safe: immutable. */
final class GapsSupplier implements ProcessorSupplier<byte[], SpecificRecord, String, Gap> {
  static final String STORE = "trails";

  private final AbstractConfig settings;

  GapsSupplier(AbstractConfig settings) {
    this.settings = settings;
  }

  @Override
  public Processor<byte[], SpecificRecord, String, Gap> get() {
    return new GapsProcessor(settings);
  }

  @Override
  public Set<StoreBuilder<?>> stores() {
    // Caching: a trail that grows writes one changelog record a commit, not one an event.
    return Set.of(
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray())
            .withCachingEnabled());
  }
}
