#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/loop.h"

namespace lodge {

// UdevWatch hears from udev when devices come and go: no polling. Where udev does not run (a
// container, a rescue system) it hears nothing.
class UdevWatch {
  public:
    struct Event {
        std::string action;     // "add", "remove", "bind", "unbind", "change"
        std::string subsystem;  // "pci"
        std::string name;       // "0000:01:00.0", "1-2.3"
    };
    // Filter is a subsystem and, unless it is "", the devices' type: {"usb", "usb_device"}.
    struct Filter {
        const char* subsystem;
        const char* type = "";
    };

    // Throws Error when udev cannot be heard.
    UdevWatch(Loop& loop, const std::vector<Filter>& filters,
              std::function<void(const Event&)> call);
    ~UdevWatch();
    UdevWatch(const UdevWatch&) = delete;
    UdevWatch& operator=(const UdevWatch&) = delete;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace lodge
