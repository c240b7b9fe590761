#pragma once

#include <vector>

#include "tui/hardware.h"
#include "tui/table.h"

namespace lodge {

// HardwareRows is a guest's configuration as the table asks for it.
class HardwareRows : public Rows {
  public:
    void set(std::vector<HardwareRow> rows);
    // Hides what may be secret, or shows it again; whether that is something new.
    bool hide(bool hidden);
    const HardwareRow& at(size_t row) const { return rows_[row]; }

    size_t count() const override { return rows_.size(); }
    std::string id(size_t row) const override { return at(row).key; }
    // In the order of the groups, whatever else.
    std::optional<double> number(size_t row, size_t column) const override;
    std::string words(size_t row) const override;
    TableCell cell(size_t row, size_t column) const override;

  private:
    bool hidden_ = false;
    std::vector<HardwareRow> rows_;
};

const std::vector<Column>& hardware_columns();

}  // namespace lodge
