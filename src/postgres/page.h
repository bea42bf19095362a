// Data pages: the header fields we look at and PostgreSQL's page checksum (storage/checksum_impl.h, bufpage.h).
#pragma once

#include "base/bytes.h"
#include "base/types.h"

namespace spendsync::postgres {

// Requires of every `page`: a whole page, of a power of two from 1 KiB to 32 KiB. Pure; any thread.

/// Lsn of the last change, from the page header.
Lsn page_lsn(ByteView page);
/// pd_upper == 0: never initialised, carries no checksum.
bool page_is_new(ByteView page);
/// The checksum the page should carry, whatever stands in its checksum field; the page is not changed. `block` counts
/// from the start of the relation, across its segment files.
uint16_t page_checksum(ByteView page, BlockNumber block);
/// What the header says.
uint16_t stored_page_checksum(ByteView page);

/// B15: good when new, when its LSN is at or after `backup_start` (replay rewrites it), or when the checksum matches.
bool page_is_good(ByteView page, BlockNumber block, Lsn backup_start);

}  // namespace spendsync::postgres
