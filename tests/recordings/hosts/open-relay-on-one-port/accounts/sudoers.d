not installed: no /etc/sudoers.d/*
