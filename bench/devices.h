#pragma once

#include <vector>

#include "bench/measure.h"

namespace lodge::bench {

// A look at 60 PCI functions in 20 IOMMU groups and what would come of handing each over, beside
// lspci -vvv of the same files.
std::vector<Row> device_rows();

}  // namespace lodge::bench
