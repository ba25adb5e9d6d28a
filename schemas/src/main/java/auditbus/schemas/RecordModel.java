// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.ArrayList;
import java.util.Collection;
import org.apache.avro.Schema;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.specific.SpecificData;

/**
 * How generated records are read and written: times as {@link java.time.Instant}, lists as plain
 * lists.
 *
 * <p>Avro's own lists compare their elements with a model that knows no times, and throw where an
 * element has an optional one: two equal {@code ShutdownAttribution}s could not be compared. Avro's
 * "fast reader" makes no others, so it stays off.
 *
 * <p>Thread-safe once made.
 */
final class RecordModel extends SpecificData {
  /** Uses the code that was generated for a class, which takes half the time. */
  static final RecordModel GENERATED = new RecordModel(true);

  /** Goes by the schema alone, as it must where a record is read by fewer fields than it has. */
  static final RecordModel BY_SCHEMA = new RecordModel(false);

  private RecordModel(boolean generatedCode) {
    super(RecordModel.class.getClassLoader());
    addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
    setFastReaderEnabled(false);
    setCustomCoders(generatedCode);
  }

  @Override
  public Object newArray(Object old, int size, Schema schema) {
    return old instanceof Collection ? super.newArray(old, size, schema) : new ArrayList<>(size);
  }
}
