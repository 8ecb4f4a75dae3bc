"""The only compiled code of the service: real events enter the kernel's state here, and its phases do the rest."""
