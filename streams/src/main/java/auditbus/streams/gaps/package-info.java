/** The gaps job: says which bytes of which trail did not arrive. */
package auditbus.streams.gaps;
