#include "passthrough/udev.h"

#include <libudev.h>
#include <sys/epoll.h>

#include <cerrno>

#include "engine/error.h"
#include "engine/fd.h"

namespace lodge {

struct UdevWatch::Parts {
    std::unique_ptr<udev, Owned<udev_unref>> context;
    std::unique_ptr<udev_monitor, Owned<udev_monitor_unref>> monitor;
    std::function<void(const Event&)> call;
    Loop::Source source;

    void hear() {
        using Device = std::unique_ptr<udev_device, Owned<udev_device_unref>>;
        const auto text = [](const char* words) { return std::string(words ? words : ""); };
        // Its descriptor does not block; the kernel may have dropped some when there were too many,
        // which the next one makes good: who listens looks at everything.
        while (const Device device{::udev_monitor_receive_device(monitor.get())})
            call({text(::udev_device_get_action(device.get())),
                  text(::udev_device_get_subsystem(device.get())),
                  text(::udev_device_get_sysname(device.get()))});
    }
};

UdevWatch::UdevWatch(Loop& loop, const std::vector<Filter>& filters,
                     std::function<void(const Event&)> call)
    : parts_(std::make_unique<Parts>()) {
    const auto check = [](int result) {
        if (result < 0) fail_errno(-result, "cannot hear from udev of devices that come and go");
    };
    parts_->call = std::move(call);
    parts_->context.reset(::udev_new());
    if (!parts_->context) check(-ENOMEM);
    parts_->monitor.reset(::udev_monitor_new_from_netlink(parts_->context.get(), "udev"));
    if (!parts_->monitor) check(-(errno != 0 ? errno : ENOMEM));
    udev_monitor* monitor = parts_->monitor.get();
    for (const Filter& filter : filters)
        check(::udev_monitor_filter_add_match_subsystem_devtype(
            monitor, filter.subsystem, *filter.type != '\0' ? filter.type : nullptr));
    check(::udev_monitor_enable_receiving(monitor));
    parts_->source = loop.on_io(::udev_monitor_get_fd(monitor), EPOLLIN,
                                [parts = parts_.get()](uint32_t) { parts->hear(); });
}

UdevWatch::~UdevWatch() = default;

}  // namespace lodge
