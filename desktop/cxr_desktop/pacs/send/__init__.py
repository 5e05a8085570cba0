"""Returning results: an outbox that outlives the process, and two ways to an archive, C-STORE and STOW-RS.

An object goes to a peer once. What makes that so:

* Its SOP Instance UID is the same whenever the same film gets the same verdict (`report.dicom.header.Context.uid`), and
  one UID names one instance everywhere (PS3.5 9, PS3.3 C.12.1). The outbox takes (peer, SOP Instance UID) once.
* Before the first byte goes out the entry is *sending*, on the disk. So a crash leaves an entry of which nobody knows
  whether it arrived, never one that looks unsent and was not.
* Where no answer came the entry is *unconfirmed*. C-STORE has no transactions: after a lost answer the sender cannot
  know (PS3.4 B.2.3 says what each status means, and nothing of none). So the peer is asked for the SOP Instance UID, by
  C-FIND at the IMAGE level (PS3.4 C.6.2) or QIDO-RS (PS3.18 10.6): held is sent; not held is sent again; no answer
  leaves it unconfirmed, asked again later, until the peer or a person decides.

Sending an instance twice would do an archive little harm, for it is the same instance under the same UID. But many
archives keep a changed copy, refuse the second or show it as new, so it is not left to them.
"""
