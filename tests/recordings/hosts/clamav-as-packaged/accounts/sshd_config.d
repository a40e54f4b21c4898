not installed: no /etc/ssh/sshd_config.d/*.conf
