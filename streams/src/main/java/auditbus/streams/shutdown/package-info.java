/** The shutdown job: says who stopped an audit daemon, how sure that is, and by what evidence. */
package auditbus.streams.shutdown;
