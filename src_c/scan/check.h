/* What the entry points of the scans check alike. */
#ifndef ER_SCAN_CHECK_H
#define ER_SCAN_CHECK_H

#include "scan.h"

er_status er_scan_check_table(const er_rows_i8 *table, const er_range *ranges, size_t n_ranges,
                              size_t k);

er_status er_scan_check_query(const er_query_i8 *query, size_t dim);

#endif
